"""Outgoing HTTP: the only way in which Trunkline calls an address that somebody gave it."""
