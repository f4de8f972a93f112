"""Compliance: the registrations that carriers in the US and Canada require, and their enforcement."""
