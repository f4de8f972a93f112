"""Alerts (NO…): the debugger's records of an account's failed webhooks and messages (monitor v1).

Trunkline itself writes them, in the transaction of their cause, and stores them for ``alert_days``.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET

from trunkline.api.errors import invalid
from trunkline.api.operation import Call, Empty, fetch, listing
from trunkline.api.paging import NEWEST_FIRST
from trunkline.api.params import Given, Parser, choice
from trunkline.api.views import Json, Urls
from trunkline.core.dates import iso, parse_period
from trunkline.core.sids import new_sid
from trunkline.core.storage.account_rows import find_row
from trunkline.core.storage.database import Row, Tx
from trunkline.core.storage.list_query import ListQuery, WalkResult
from trunkline.core.storage.walks import walk

LEVELS = ("error", "warning", "notice", "debug")
API_VERSION = "2010-04-01"
MAX_TEXT = 16 * 1024
"""Characters of each text that are kept."""

_MORE_INFO = "https://www.twilio.com/docs/errors/"


class Alert(Row, frozen=True):
    """A row of ``alerts``; the time is in microseconds since 1970 UTC. Headers are lines, variables a form."""

    sid: str
    account_sid: str
    service_sid: str
    resource_sid: str
    alert_text: str
    error_code: int
    log_level: str
    request_method: str
    request_url: str
    request_variables: str
    request_headers: str
    response_headers: str
    response_body: str
    date_created: int


class AlertContext(msgspec.Struct, frozen=True):
    """The context of an alert: its resource and Service, and the request and response that caused it, if any."""

    resource_sid: str = ""
    service_sid: str = ""
    request_url: str = ""
    request_method: str = ""
    request_variables: str = ""
    request_headers: str = ""
    response_body: str = ""
    response_headers: str = ""


def _time(*, end: bool = False) -> Parser:
    """Return a parser of times into microseconds since 1970; a day, month or year alone is its beginning, or with
    ``end`` its end. A second is whole, too: responses have whole ones."""

    def parse(name: str, value: str) -> int:
        period = parse_period(value)
        if period is None:
            raise invalid(name, "must be a date in ISO 8601, a month such as 2026-12 or a year")
        return period.end if end else period.start

    return Parser(parse, clears=True)


class AlertFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Filters of list (spec); both ends of the range belong to it (inferred)."""

    log_level: Annotated[Given[str | None], choice(*LEVELS, fold=True, clears=True)] = UNSET
    start_date: Annotated[Given[int | None], _time()] = UNSET
    end_date: Annotated[Given[int | None], _time(end=True)] = UNSET


def view(alert: Alert, urls: Urls) -> Json:
    """Return the Alert resource as a list shows it (spec): without the contents of request and response."""
    return {
        "account_sid": alert.account_sid,
        "alert_text": alert.alert_text,
        "api_version": API_VERSION,
        "date_created": iso(alert.date_created),
        "date_generated": iso(alert.date_created),
        "date_updated": iso(alert.date_created),
        "error_code": str(alert.error_code),
        "log_level": alert.log_level,
        "more_info": f"{_MORE_INFO}{alert.error_code}",
        "request_method": alert.request_method or None,
        "request_url": alert.request_url or None,
        "resource_sid": alert.resource_sid or None,
        "service_sid": alert.service_sid or None,
        "sid": alert.sid,
        "url": urls.to("Alerts", alert.sid),
    }


def whole_view(alert: Alert, urls: Urls) -> Json:
    """Return the Alert resource as fetch shows it (spec)."""
    return {
        **view(alert, urls),
        "request_headers": alert.request_headers,
        "request_variables": alert.request_variables,
        "response_body": alert.response_body,
        "response_headers": alert.response_headers,
    }


async def fetch_alert(tx: Tx, call: Call[Empty]) -> Alert | None:
    """Return one of the account's alerts."""
    return await find_row(tx, Alert, "alerts", call.account_sid, call.path["Sid"])


async def page_alerts(tx: Tx, call: Call[AlertFilters]) -> WalkResult[Alert]:
    """Return a page of the account's alerts, newest first."""
    filters = call.input
    held, values = ["account_sid = :account_sid"], {"account_sid": call.account_sid}
    if isinstance(filters.log_level, str):
        held.append("log_level = :log_level")
        values["log_level"] = filters.log_level
    window = call.window.between(filters.start_date or None, filters.end_date or None)
    return await walk(tx, Alert, ListQuery("alerts", tuple(held)), window.span, **values)


async def record(tx: Tx, account_sid: str, code: int, text: str, level: str, context: AlertContext) -> Alert:
    """Record an alert; texts are cut to the stored length."""
    texts = {
        name: value.replace("\0", "\N{REPLACEMENT CHARACTER}")[:MAX_TEXT]
        for name, value in msgspec.structs.asdict(context).items()
    }
    alert = Alert(
        sid=new_sid("NO"),
        account_sid=account_sid,
        alert_text=text.replace("\0", "\N{REPLACEMENT CHARACTER}")[:MAX_TEXT],
        error_code=code,
        log_level=level,
        date_created=tx.now,
        **texts,
    )
    await tx.insert("alerts", alert)
    return alert


OPERATIONS = (
    listing("/Alerts", "alerts", page_alerts, view, input=AlertFilters, order=NEWEST_FIRST),
    fetch("/Alerts/{Sid}", fetch_alert, whole_view),
)
