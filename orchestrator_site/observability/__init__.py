"""What the site tells about itself: logs, request ids, health."""
