"""What the products stand on. Knows no product and no HTTP."""
