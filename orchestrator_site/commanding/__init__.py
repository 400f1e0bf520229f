"""What every management command has in common."""
