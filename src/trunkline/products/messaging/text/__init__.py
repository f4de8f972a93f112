"""The text of a message: its alphabet, segments, links and smart encoding."""
