"""The realtime door: twilsock packets over WebSocket. Knows no product."""
