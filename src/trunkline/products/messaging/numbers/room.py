"""The operations on an account's numbers."""

from __future__ import annotations

from trunkline.products.messaging import applications
from trunkline.products.messaging.numbers import available, incoming, short_codes

OPERATIONS = (
    *incoming.OPERATIONS,
    *available.OPERATIONS,
    *short_codes.OPERATIONS,
    *applications.OPERATIONS,
)
"""All of them, in the 2010 API."""
