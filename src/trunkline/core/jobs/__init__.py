"""Durable jobs: written in the transaction of the change that needs them, and run at least once."""
