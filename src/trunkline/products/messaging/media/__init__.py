"""Media: the attachments of messages, as they are stored, fetched, shown and linked."""
