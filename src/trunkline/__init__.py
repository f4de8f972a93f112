"""Trunkline: a self-hosted server for Notify, Messaging, Programmable Chat and Sync."""
