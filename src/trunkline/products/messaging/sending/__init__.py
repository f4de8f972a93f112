"""How an accepted message leaves: its queue, its sender, its carrier, and what comes back."""
