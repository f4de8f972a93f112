"""The HTTP carrier: a gateway that accepts messages by requests, and reports by requests of its own."""
