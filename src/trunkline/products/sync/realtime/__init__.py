"""Sync for realtime clients: its objects as a source, and the v3 operations that write them."""
