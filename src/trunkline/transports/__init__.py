"""How messages leave and come in: one folder per kind of transport."""
