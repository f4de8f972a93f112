"""How the API speaks: routes, parameters, pages, errors, credentials. Knows no product."""
