"""Senders: the pools of Services, and the choice of the sender of a message."""
