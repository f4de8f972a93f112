"""Opt-outs: who does not want messages, and the keywords by which people say so."""
