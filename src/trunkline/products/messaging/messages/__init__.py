"""The Message resource of the 2010 API."""
