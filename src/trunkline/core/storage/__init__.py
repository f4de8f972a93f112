"""Storage: one interface, two engines."""
