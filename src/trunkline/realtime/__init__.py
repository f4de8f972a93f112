"""The realtime door: the protocol by which client SDKs stay connected. Independent of every product."""
