"""The text of a message: its alphabet, its segments, and what is read in it and changed in it. Pure."""
