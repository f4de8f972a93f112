"""The options of accounts: the first account, and the debugger's alerts."""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.settings.option import option
from trunkline.settings.values import MAX_DAYS, between, hidden, matches


@dataclass(frozen=True, kw_only=True)
class AccountSettings:
    """The options of the table ``[accounts]``."""

    account_sid: str = option(
        "",
        "SID of the first account, created at the first start; empty generates one.",
        check=matches(r"AC[0-9a-f]{32}", "AC and 32 digits or small letters from a to f"),
    )
    auth_token: str = option(
        "",
        "Auth token of the first account; empty generates one.",
        check=matches(r"[!-~]{16,}", "at least 16 letters, digits or signs of ASCII, without spaces"),
        secret=hidden,
    )
    session_idle_minutes: float = option(
        60.0, "Minutes after which a browser that was idle must log in again.", check=between(1, 1440)
    )
    session_hours: float = option(
        12.0, "Hours after which a browser must log in again in any case.", check=between(0.1, 720)
    )
    alert_days: int = option(
        30, "Days that the alerts of the debugger are kept for /v1/Alerts.", check=between(1, MAX_DAYS)
    )
