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
    54010: Entry(400, "No parameters specified"),
    54050: Entry(404, "Service Instance not found"),
    54051: Entry(400, "Invalid webhook URL"),
    54053: Entry(400, "Invalid friendly name"),
    54056: Entry(403, "Account cannot access requested Service Instance"),
    54453: Entry(400, "Invalid 'PageToken' query parameter"),
    54454: Entry(400, "Invalid 'PageSize' query parameter"),
}
