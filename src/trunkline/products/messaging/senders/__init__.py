"""What a message can be sent from, and which sender of a Service is chosen."""
