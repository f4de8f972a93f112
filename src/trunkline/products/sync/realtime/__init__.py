"""Sync as realtime clients see it: the v3 resources, subscriptions with replay, live events."""
