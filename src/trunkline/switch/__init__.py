"""The switch: a CONNECT proxy with its own CA, which redirects SDKs here by environment variables alone."""
