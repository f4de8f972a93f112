"""Messages: the resource, its media and feedback, and the rules of creating one."""
