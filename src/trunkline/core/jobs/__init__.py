"""Durable jobs: written in the transaction of the change that asks for them, run at least once."""
