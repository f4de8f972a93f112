"""The life of a message: its row and states, its queue entry, the lanes of senders, its text on the air, its
callbacks.
"""
