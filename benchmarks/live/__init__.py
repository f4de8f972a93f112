"""Measurements of the realtime door: requests through the socket, fan-out, connections at rest, storms, webhooks."""
