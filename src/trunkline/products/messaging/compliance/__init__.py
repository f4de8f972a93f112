"""Compliance: the registrations that carriers in the US and Canada ask for, and what becomes of messages without."""
