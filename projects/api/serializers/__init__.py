"""The shapes of what goes in and comes out, by resource."""
