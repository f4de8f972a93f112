"""Messaging measured: over the API to a network and back, from its queues, and its SMPP alone."""
