"""The objects that realtime clients subscribe to: reads, subscriptions, replay, live delivery. Products are sources."""
