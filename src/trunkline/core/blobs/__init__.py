"""Blobs: contents too large for a row, written and read in pieces."""
