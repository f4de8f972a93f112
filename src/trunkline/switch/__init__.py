"""The switch: a CONNECT proxy with its own CA, so that SDKs move here by environment variables alone."""
