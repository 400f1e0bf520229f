"""The views, by resource."""
