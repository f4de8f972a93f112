"""Outgoing webhooks: signed, retried as documented, every attempt on record."""
