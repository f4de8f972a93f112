"""Telephone numbers: how they are read, where they belong, which are in stock, and how their owners set them."""
