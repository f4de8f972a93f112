"""Sending: acceptance, the choice of the sender, the hand-over to carriers, and their receipts."""
