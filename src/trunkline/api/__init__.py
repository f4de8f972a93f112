"""The form of the API: routes, parameters, pages, errors, credentials; without any product."""
