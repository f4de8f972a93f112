"""Every error code that Trunkline answers with: its HTTP status and its text.

Texts are the vendor's own short messages (doc); statuses that the number does not spell are the usual ones of
their class (inferred).
"""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """What the catalogue knows of a code."""

    status: int
    text: str


CATALOGUE: dict[int, Entry] = {
    # General
    20001: Entry(400, "Invalid parameter"),
    20002: Entry(400, "Invalid FriendlyName"),
    20003: Entry(401, "Authenticate"),
    20004: Entry(405, "Method not allowed"),
    20005: Entry(403, "Account not active"),
    20403: Entry(403, "Forbidden"),
    20404: Entry(404, "The requested resource was not found"),
    20408: Entry(408, "Request timeout"),
    20409: Entry(409, "Conflict"),
    20413: Entry(413, "Request entity too large"),
    20429: Entry(429, "Too Many Requests"),
    20500: Entry(500, "Internal Server Error"),
    20503: Entry(503, "Service unavailable"),
    70051: Entry(401, "Authorization failed"),
    # Accounts
    21101: Entry(400, "Subaccounts cannot contain subaccounts"),
    21481: Entry(400, "Invalid PageToken"),
    # Notify
    # Messaging
    21205: Entry(400, "Invalid URL"),
    21209: Entry(400, "Invalid Method"),
    21713: Entry(400, "Messaging Service Use Case is Invalid"),
    # Programmable Chat
    20161: Entry(400, "Update request carries no parameters"),
    50000: Entry(400, "FriendlyName not provided"),
    50003: Entry(400, "Friendly name too long"),
    50050: Entry(403, "Service instance not found"),
    50052: Entry(400, "Invalid consumption interval format"),
    50053: Entry(400, "Invalid typing indicator format"),
    50054: Entry(400, "Invalid webhook format"),
    50055: Entry(400, "Invalid webhook method"),
    50058: Entry(400, "Notification template too long"),
    50059: Entry(400, "Notification sound name too long"),
    50060: Entry(400, "Invalid user channels limit format"),
    50061: Entry(400, "Invalid channel members limit format"),
    50065: Entry(400, "Invalid webhook retry count"),
    50100: Entry(400, "Role not found"),
    50101: Entry(400, "Channel role not found"),
    50102: Entry(400, "Deployment role not found"),
    50103: Entry(400, "Role SID not provided"),
    50104: Entry(400, "Permission not found"),
    50105: Entry(400, "Invalid role type"),
    # Sync
    54003: Entry(400, "Invalid If-Match header"),
    54006: Entry(413, "Request entity too large"),
    54007: Entry(403, "Access forbidden for identity"),
    54008: Entry(400, "Invalid JSON"),
    54009: Entry(429, "Rate limit exceeded"),
    54010: Entry(400, "No parameters specified"),
    54011: Entry(400, "Invalid TTL"),
    54050: Entry(404, "Service Instance not found"),
    54051: Entry(400, "Invalid webhook URL"),
    54053: Entry(400, "Invalid friendly name"),
    54056: Entry(403, "Account cannot access requested Service Instance"),
    54100: Entry(404, "Document not found"),
    54101: Entry(400, "Invalid Document data"),
    54103: Entry(412, "Document revision mismatch"),
    54150: Entry(404, "List not found"),
    54151: Entry(404, "Item not found"),
    54155: Entry(412, "List Item revision mismatch"),
    54156: Entry(400, "Invalid List Item data"),
    54200: Entry(404, "Map not found"),
    54201: Entry(404, "Item not found"),
    54205: Entry(412, "Map Item revision mismatch"),
    54206: Entry(400, "Invalid Map Item data"),
    54208: Entry(409, "An Item with given key already exists in the Map"),
    54209: Entry(400, "Invalid Map Item key"),
    54250: Entry(404, "Message Stream not found"),
    54251: Entry(400, "Invalid Message Stream Message data"),
    54300: Entry(404, "Unique name not found"),
    54301: Entry(409, "Unique name already exists"),
    54302: Entry(
        400,
        "Invalid unique name. Expected a string with length 1-320 not matching the SID pattern "
        "[A-Z]{2}[a-f0-9]{32}",
    ),
    54351: Entry(400, "Invalid identity"),
    54354: Entry(404, "Permission not found"),
    54451: Entry(400, "Invalid 'Order' query parameter"),
    54452: Entry(400, "Invalid 'Bounds' query parameter"),
    54453: Entry(400, "Invalid 'PageToken' query parameter"),
    54454: Entry(400, "Invalid 'PageSize' query parameter"),
    54458: Entry(400, "Invalid List Item index"),
    54419: Entry(400, "Number of subscriptions per connection is over the limit (2000)"),
    54502: Entry(404, "Invalid index name"),
}
