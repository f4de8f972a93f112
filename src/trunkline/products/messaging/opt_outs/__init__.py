"""Opt-outs: the recipients who block messages, and the keywords for it."""
