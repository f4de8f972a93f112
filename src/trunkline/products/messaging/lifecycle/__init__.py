"""A message and its life: its row and states, its queue, the lanes of senders, its text, and its callbacks."""
