"""Pages: keyset cursors, so that rows that come and go while a client pages are never repeated or hidden. Pure.

A page token carries a direction and the sort key of the row at which the page starts, never an offset; it stays good
when that row is deleted and it does not expire. Tokens are opaque: ``PA`` (rows after) or ``PB`` (rows before),
``PC`` and ``PD`` where a request chose a descending order, and base64url. Numbers (doc, spec): 50 rows a page unless
``PageSize`` gives another size; the maximum is the resource's.

Lists of the control API have the same parameters, page forward only, and name the next page by ``next_page_token``.

For a page whose filters no index holds a bounded number of rows is read (``core.storage.walks``): it may have fewer
rows than its size and name a next page all the same, but it has one at least, because clients stop at an empty page
(client). Only if none of ``MOST_WALKED`` rows matches is it empty.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import UNSET

from trunkline.api.errors import ApiError, invalid
from trunkline.api.params import Fields, Given, integer, text
from trunkline.core.storage.list_query import Span, WalkResult

DEFAULT_SIZE = 50
MAX_SIZE = 1000
WALKED_PAGES = 5
"""The pages of rows, of the default size at least, that are read at a time for one page of those that match."""
MOST_WALKED = 20_000
"""The rows that are read for one page while none matches."""
MAX_NUMBER = 2**31 - 1
"""The largest number of a page: it is multiplied by its size, which must not overflow where clients hold it."""
_LARGE_DIGITS = 18
LARGE: int = 10**_LARGE_DIGITS
"""The number that stands for itself and all that are larger: databases hold it, and no row has it."""

Key = tuple[int, str]
"""A sort key: an integer (such as a creation time) and a text that breaks ties (such as a SID)."""

R = TypeVar("R")


class PagingCodes(msgspec.Struct, frozen=True):
    """The error codes of a product for a bad PageSize and a bad PageToken."""

    size: int = 20001
    token: int = 21481


class Order(msgspec.Struct, frozen=True):
    """The order of a list: by an integer column, ties broken by a text column. If the request may choose the direction
    (``chosen``), page tokens carry it and supersede that of a later request."""

    number: str = "date_created"
    text: str = "sid"
    descending: bool = False
    chosen: bool = False

    def key(self, row: Any) -> Key:
        """Return the sort key of a row that carries both columns as attributes."""
        return getattr(row, self.number), getattr(row, self.text)


OLDEST_FIRST = Order()
NEWEST_FIRST = Order(descending=True)


class Cursor(msgspec.Struct, frozen=True):
    """The start of a page: strictly behind ``key`` in the list's order, or strictly before it; ``inclusive`` takes
    ``key`` itself in, which no token does. ``descending`` is set only for an order that the request chose."""

    key: Key
    backward: bool = False
    descending: bool = False
    inclusive: bool = False


class Window(msgspec.Struct, frozen=True):
    """The requested part of a list, and the SQL that selects it: of the rows whose number is at least ``since`` and
    below ``until``, where those are given."""

    order: Order
    size: int
    number: int = 0
    cursor: Cursor | None = None
    since: int | None = None
    until: int | None = None

    def between(self, since: int | None, until: int | None) -> Window:
        """Return the same window over the rows whose number is at least ``since`` and below ``until``."""
        return msgspec.structs.replace(self, since=since, until=until)

    @property
    def _reversed(self) -> bool:
        return self.cursor is not None and self.cursor.backward

    @property
    def _down(self) -> bool:
        return self.order.descending != self._reversed

    @property
    def _from_key(self) -> Key | None:
        """The cursor's key, None if the range of numbers begins behind it. PostgreSQL begins to read an index at one
        condition: with two it would pass over all rows between them."""
        if self.cursor is None:
            return None
        number = self.cursor.key[0]
        if self._down:
            return None if self.until is not None and number >= self.until else self.cursor.key
        return None if self.since is not None and number < self.since else self.cursor.key

    @property
    def _start(self) -> str:
        """The conditions on the order's columns, each ``AND …``."""
        order, from_key = self.order, self._from_key
        start = ""
        if from_key is not None:
            sign = ("<" if self._down else ">") + ("=" if self.cursor and self.cursor.inclusive else "")
            start = f"AND ({order.number}, {order.text}) {sign} (:key_number, :key_text) "
        if self.since is not None and (from_key is None or self._down):
            start += f"AND {order.number} >= :since_number "
        if self.until is not None and (from_key is None or not self._down):
            start += f"AND {order.number} < :until_number "
        return start

    @property
    def _order_by(self) -> str:
        way = "DESC" if self._down else "ASC"
        return f"ORDER BY {self.order.number} {way}, {self.order.text} {way}"

    @property
    def tail(self) -> str:
        """The end of a SELECT: conditions (``AND …``), the order and the limit, one row more than the page has."""
        return f"{self._start}{self._order_by} LIMIT :row_limit"

    @property
    def values(self) -> dict[str, Any]:
        """The values of the parameters in ``tail``."""
        values: dict[str, Any] = {"row_limit": self.size + 1}
        if from_key := self._from_key:
            values["key_number"], values["key_text"] = from_key
        if self.since is not None and (from_key is None or self._down):
            values["since_number"] = self.since
        if self.until is not None and (from_key is None or not self._down):
            values["until_number"] = self.until
        return values

    @property
    def span(self) -> Span:
        """The window as a bounded walk has it."""
        return Span(
            key=(self.order.number, self.order.text),
            start=self._start,
            order_by=self._order_by,
            limit=self.size + 1,
            walk=WALKED_PAGES * max(self.size, DEFAULT_SIZE),
            most=MOST_WALKED,
            values=self.values,
            resume=lambda key: self._behind(key).span,
        )

    def _behind(self, key: Key) -> Window:
        """Return the same window behind a key, in its direction."""
        return msgspec.structs.replace(self, cursor=Cursor(key, self._reversed))

    def _around(self, cursor: Cursor) -> Key:
        """Return the key behind which, against the cursor's direction, its own row is the first: tokens take no row
        in."""
        return cursor.key[0] + (-1 if self._down else 1), ""

    def page(self, found: Sequence[R] | WalkResult[R]) -> Page[R]:
        """Return the page that the selected rows make up. If a walk stopped before it found them all, its neighbour in
        this direction begins where it stopped. An empty page at an end names the way back."""
        rows, stop = (found.rows, found.stop) if isinstance(found, WalkResult) else (found, None)
        kept, more = list(rows[: self.size]), len(rows) > self.size
        if self._reversed:
            kept.reverse()
        down = self.order.chosen and self.order.descending
        last = self.order.key(kept[-1]) if kept else stop
        first = self.order.key(kept[0]) if kept else stop
        if self._reversed:
            forward, backward = last, first if more else stop
        else:
            forward, backward = last if more else stop, first if self.cursor is not None else None
        if self.cursor is not None and not kept and stop is None:
            back = self._around(self.cursor)
            forward, backward = (back, None) if self._reversed else (None, back)
        following = None if forward is None else Cursor(forward, False, down)
        previous = None if backward is None else Cursor(backward, True, down)
        return Page(kept, following, previous)


class Page(msgspec.Struct, Generic[R], frozen=True):
    """Rows in the list's order, and the starts of the neighbouring pages (None at the ends)."""

    rows: list[R]
    following: Cursor | None = None
    previous: Cursor | None = None


_SIGNS = ("PA", "PB", "PC", "PD")
"""After or before a row, in a chosen descending order after or before it."""


def encode(cursor: Cursor) -> str:
    """Return the token of a cursor."""
    sign = _SIGNS[cursor.backward + 2 * cursor.descending]
    body = base64.urlsafe_b64encode(f"{cursor.key[0]:x}.{cursor.key[1]}".encode()).rstrip(b"=").decode()
    return sign + body


_BODY = re.compile(r"(-?[0-9a-f]{1,15})\.([^\x00]*)", re.DOTALL)


def decode(token: str, code: int) -> Cursor:
    """Return the cursor of a token. Raise ApiError with ``code`` if there is none in it."""
    try:
        sign = _SIGNS.index(token[:2])
        body = token[2:].encode("ascii")
        content = base64.b64decode(body + b"=" * (-len(body) % 4), altchars=b"-_", validate=True).decode()
        if not (match := _BODY.fullmatch(content)):
            raise ValueError(content)
    except ValueError:  # also UnicodeError and binascii.Error
        raise ApiError(code) from None
    return Cursor((int(match[1], 16), match[2]), backward=bool(sign & 1), descending=bool(sign & 2))


def window(query: Fields, order: Order, maximum: int, codes: PagingCodes) -> Window:
    """Return the window that ``PageSize``, ``Page`` and ``PageToken`` request, its size at most ``maximum``."""
    values = dict(query)
    size = _size(values.get("PageSize"), codes.size)
    number = _page_number(values.get("Page"))
    token = values.get("PageToken")
    cursor = decode(token, codes.token) if token else None
    if cursor and order.chosen:
        order = msgspec.structs.replace(order, descending=cursor.descending)
    return Window(order, min(size, maximum), number, cursor)


def _size(value: str | None, code: int) -> int:
    """Return the requested size, whatever the list's maximum. Raise ApiError ``code`` for none of at least 1."""
    size = DEFAULT_SIZE if value is None else natural(value)
    if not size:
        raise invalid("PageSize", "must be an integer of at least 1") if code == 20001 else ApiError(code)
    return size


def _page_number(value: str | None) -> int:
    number = natural(value) if value else 0
    if number is None or number > MAX_NUMBER:
        raise invalid("Page", f"must be an integer from 0 to {MAX_NUMBER}")
    return number


def natural(value: str) -> int | None:
    """Return the number that decimal digits write, ``LARGE`` for all beyond; None for any other text."""
    if not value.isascii() or not value.isdigit():
        return None
    digits = value.lstrip("0")
    return int(digits or "0") if len(digits) <= _LARGE_DIGITS else LARGE


def query_string(filters: str, size: int, number: int, cursor: Cursor | None) -> str:
    """Return the query of a page's URL: the filters first, as the vendor's samples have it (spec)."""
    start = f"{filters}&" if filters else ""
    token = f"&PageToken={encode(cursor)}" if cursor else ""
    return f"{start}PageSize={size}&Page={min(number, MAX_NUMBER)}{token}"


BEGINNING: Key = (-1, "")
"""The key before those of all rows, where a list in ascending order begins."""


class PageParameters(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a list of the control API."""

    page_size: Annotated[Given[int], integer(1, MAX_SIZE)] = UNSET
    page_token: Annotated[Given[str | None], text(clears=True)] = UNSET


class TokenPage(msgspec.Struct, Generic[R], frozen=True):
    """A page of a list of the control API, and the token of the next page, None for the last one."""

    rows: list[R]
    next_page_token: str | None


def size_of(page_size: Given[int]) -> int:
    """Return the requested size of a page, or the default one."""
    return DEFAULT_SIZE if page_size is UNSET else page_size


def start_of(page_token: Given[str | None]) -> Key | None:
    """Return the key behind which the page of a token begins, None without a token. Raise ApiError 21481 for a bad
    one."""
    if not page_token:
        return None
    cursor = decode(page_token, PagingCodes().token)
    if cursor.backward:
        raise ApiError(PagingCodes().token)
    return cursor.key


def token_page_of(page: Page[R]) -> TokenPage[R]:
    """Return a page of the control API with the rows of a page, and the token of the following one."""
    return TokenPage(page.rows, encode(page.following) if page.following else None)


def token_page(rows: Sequence[R], size: int, key: Callable[[R], Key]) -> TokenPage[R]:
    """Return the page that the selected rows make up: one row more than its ``size`` if there is a next one."""
    kept = list(rows[:size])
    return TokenPage(kept, encode(Cursor(key(kept[-1]))) if len(rows) > size else None)
