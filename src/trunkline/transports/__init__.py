"""The transports of messages, out and in: one folder for each kind."""
