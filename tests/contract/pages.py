"""Members that a list page must have beyond its schema, in both styles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]

MAX_PAGE_SIZE = 1000

META_2010 = frozenset(
    {
        "end",
        "first_page_uri",
        "last_page_uri",
        "next_page_uri",
        "num_pages",
        "page",
        "page_size",
        "previous_page_uri",
        "start",
        "total",
        "uri",
    }
)
"""The SDKs find the rows of a 2010 page as the one key that is none of these (client)."""


def is_page(schema: Json) -> bool:
    """Return whether a response's schema is that of a list page, in either style."""
    properties = schema.get("properties", {})
    return "meta" in properties or "first_page_uri" in properties


def page_faults(body: Json) -> Iterator[str]:
    """Yield the faults of a page whose body already fits its schema."""
    yield from _product_faults(body) if "meta" in body else _2010_faults(body)


def _product_faults(body: Json) -> Iterator[str]:
    meta: Json = body["meta"]
    others = sorted(body.keys() - {"meta"})
    if others != [meta["key"]]:
        yield f"/meta/key: is {meta['key']!r}, but the keys beside meta are {others}"
        return
    yield from _size_faults("/meta", meta, body[meta["key"]])
    yield from _query_faults("/meta/first_page_url", meta["first_page_url"], {"Page": 0, **_size(meta)})
    if meta["next_page_url"] is not None:
        yield from _next_faults("/meta/next_page_url", meta["next_page_url"], meta, meta["url"])


def _2010_faults(body: Json) -> Iterator[str]:
    others = sorted(body.keys() - META_2010)
    if len(others) != 1 or not isinstance(body[others[0]], list):
        yield f": one key beside the page's own was expected, an array, but there are {others}"
        return
    rows = body[others[0]]
    yield from _size_faults("", body, rows)
    end = body["start"] + max(len(rows) - 1, 0)
    if body["end"] != end:
        yield f"/end: is {body['end']}, expected {end} for {len(rows)} rows from {body['start']}"
    yield from _query_faults("/first_page_uri", body["first_page_uri"], {"Page": 0, **_size(body)})
    if body["next_page_uri"] is not None:
        yield from _next_faults("/next_page_uri", body["next_page_uri"], body, body["uri"])


def _size(meta: Json) -> Json:
    return {"PageSize": meta["page_size"]}


def _size_faults(pointer: str, meta: Json, rows: list[Any]) -> Iterator[str]:
    size = meta["page_size"]
    if not 1 <= size <= MAX_PAGE_SIZE:
        yield f"{pointer}/page_size: is {size}, expected 1 to {MAX_PAGE_SIZE}"
    if len(rows) > size:
        yield f"{pointer}/page_size: is {size}, but the page has {len(rows)} rows"


def _next_faults(pointer: str, url: str, meta: Json, here: str) -> Iterator[str]:
    yield from _query_faults(pointer, url, {"Page": meta["page"] + 1, **_size(meta)})
    if url == here:
        yield f"{pointer}: leads to this page again, and the SDKs have no guard against a loop"


def _query_faults(pointer: str, url: str, wanted: Json) -> Iterator[str]:
    query = parse_qs(urlsplit(url).query)
    for name, value in wanted.items():
        if query.get(name) != [str(value)]:
            yield f"{pointer}: {name}={value} expected in {url!r}"
