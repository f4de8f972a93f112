"""Pages and their tokens, held against a list in memory."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trunkline.api.errors import ApiError
from trunkline.api.paging import (
    NEWEST_FIRST,
    OLDEST_FIRST,
    Cursor,
    Order,
    Page,
    PagingCodes,
    Window,
    decode,
    encode,
    query_string,
    window,
)
from trunkline.core.storage.list_query import ListQuery, WalkResult

CODES = PagingCodes(size=54454, token=54453)


class Item(NamedTuple):
    """A row."""

    date_created: int
    sid: str


def select(rows: set[Item], window: Window) -> list[Item]:
    """Return the rows of a window's SQL: the same rules over a set in memory."""
    backward = window.cursor is not None and window.cursor.backward
    descending = window.order.descending != backward
    found = sorted(rows, reverse=descending)
    if window.cursor is not None:
        key = window.cursor.key
        found = [row for row in found if (row < key if descending else row > key)]
    return found[: window.values["row_limit"]]


def page(rows: set[Item], order: Order, size: int, cursor: Cursor | None) -> Page[Item]:
    made = Window(order, size, cursor=cursor and decode(encode(cursor), 21481))
    return made.page(select(rows, made))


items = st.builds(Item, st.integers(0, 20), st.text("abc", min_size=1, max_size=3))
changes = st.lists(st.tuples(st.booleans(), items), max_size=4)
orders = st.sampled_from([OLDEST_FIRST, NEWEST_FIRST])


@settings(max_examples=300)
@given(st.frozensets(items, max_size=25), st.integers(1, 6), orders, st.lists(changes, max_size=40))
def test_rows_that_come_and_go_are_the_only_ones_that_paging_may_repeat_or_lose(
    start: frozenset[Item], size: int, order: Order, churn: list[list[tuple[bool, Item]]]
) -> None:
    rows, touched, seen = set(start), set[Item](), list[Item]()
    cursor: Cursor | None = None
    pages: list[Page[Item]] = []
    while True:
        pages.append(page(rows, order, size, cursor))
        seen += pages[-1].rows
        for add, item in churn[len(pages) - 1] if len(pages) <= len(churn) else []:
            touched.add(item)
            (rows.add if add else rows.discard)(item)
        if pages[-1].following is None:
            break
        cursor = pages[-1].following
    assert seen == sorted(set(seen), reverse=order.descending)
    assert [row for row in seen if row not in touched] == sorted(start - touched, reverse=order.descending)

    back = list(pages[-1].rows)
    previous = pages[-1].previous
    while previous is not None:
        earlier = page(rows, order, size, previous)
        back = earlier.rows + back
        previous = earlier.previous
    assert back == sorted(set(back), reverse=order.descending)
    assert [row for row in back if row not in touched] == sorted(start - touched, reverse=order.descending)


@given(st.frozensets(items, min_size=1, max_size=25), st.integers(1, 6), orders)
def test_a_step_forward_and_one_back_leads_to_the_same_page(
    rows: frozenset[Item], size: int, order: Order
) -> None:
    here = page(set(rows), order, size, None)
    assert here.previous is None
    while here.following:
        after = page(set(rows), order, size, here.following)
        assert after.previous
        again = page(set(rows), order, size, after.previous)
        assert (again.rows, again.following) == (here.rows, here.following)
        here = after


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))


@given(st.integers(-(2**59), 2**59), texts, st.booleans(), st.booleans())
def test_a_token_leads_back_to_its_cursor(number: int, text: str, backward: bool, descending: bool) -> None:
    cursor = Cursor((number, text), backward, descending)
    token = encode(cursor)
    assert (
        token[:2]
        == {(False, False): "PA", (True, False): "PB", (False, True): "PC", (True, True): "PD"}[
            backward, descending
        ]
    )
    assert not set(token) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert decode(token, 21481) == cursor


def token(content: bytes, start: str = "PA") -> str:
    return start + base64.urlsafe_b64encode(content).rstrip(b"=").decode()


BROKEN = [
    "zzz",
    "PA",
    "PB=",
    "PT" + encode(Cursor((1, "a")))[2:],
    "pa" + encode(Cursor((1, "a")))[2:],
    "PA*",
    "PAключ",
    "PA\x00",
    token(b"1"),
    token(b".a"),
    token(b"x.a"),
    token(b"-.a"),
    token(b"+1.a"),
    token(b"1.a\x00"),
    token(b"1.\xff"),
    token(b"f" * 16 + b".a"),
    encode(Cursor((1, "abc")))[:-1] + "!",
    "PA" + "A" * 100_000,
]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_token_is_refused_with_the_products_code(broken: str) -> None:
    with pytest.raises(ApiError) as refused:
        window([("PageToken", broken)], OLDEST_FIRST, 1000, CODES)
    assert (refused.value.status, refused.value.code) == (400, 54453)


@pytest.mark.parametrize(
    ("query", "size", "number"),
    [
        ([], 50, 0),
        ([("PageSize", "1")], 1, 0),
        ([("PageSize", "100")], 100, 0),
        ([("PageSize", "101")], 100, 0),
        ([("PageSize", "5000")], 100, 0),
        ([("PageSize", "007")], 7, 0),
        ([("PageSize", "9" * 19)], 100, 0),
        ([("PageSize", "9" * 5000)], 100, 0),
        ([("PageSize", "0" * 5000 + "7")], 7, 0),
        ([("Page", "0" * 5000 + "7")], 50, 7),
        ([("Page", "2147483647")], 50, 2**31 - 1),
        ([("PageSize", "3"), ("PageSize", "4")], 4, 0),
        ([("Page", "7")], 50, 7),
        ([("Page", ""), ("PageToken", "")], 50, 0),
    ],
)
def test_a_window_is_what_the_query_asks_for_within_the_maximum(
    query: list[tuple[str, str]], size: int, number: int
) -> None:
    made = window(query, OLDEST_FIRST, 100, CODES)
    assert (made.size, made.number, made.cursor) == (size, number, None)


def test_a_maximum_below_the_usual_size_holds_when_no_size_is_given() -> None:
    assert window([], OLDEST_FIRST, 5, CODES).size == 5


@pytest.mark.parametrize("size", ["0", "-1", "+1", "", "abc", "1.5", "١", " 1", "0" * 5000])
def test_a_size_that_is_none_is_refused_with_the_products_code(size: str) -> None:
    with pytest.raises(ApiError) as refused:
        window([("PageSize", size)], OLDEST_FIRST, 100, CODES)
    assert (refused.value.status, refused.value.code) == (400, 54454)
    with pytest.raises(ApiError, match="PageSize") as refused:
        window([("PageSize", size)], OLDEST_FIRST, 100, PagingCodes())
    assert refused.value.code == 20001


@pytest.mark.parametrize("number", ["-1", "x", "1.0", "2147483648", "9" * 19, "9" * 5000])
def test_a_page_number_that_is_none_is_refused(number: str) -> None:
    with pytest.raises(ApiError) as refused:
        window([("Page", number)], OLDEST_FIRST, 100, CODES)
    assert refused.value.code == 20001
    assert refused.value.message == "Invalid parameter Page: must be an integer from 0 to 2147483647"


def test_links_name_no_page_beyond_the_last_number() -> None:
    assert query_string("", 2, 2**31, None) == "PageSize=2&Page=2147483647"


def test_filters_stand_in_front_and_a_first_page_has_no_token() -> None:
    assert query_string("From=3&Order=asc", 50, 0, None) == "From=3&Order=asc&PageSize=50&Page=0"
    cursor = Cursor((1, "a"))
    assert query_string("", 2, 1, cursor) == f"PageSize=2&Page=1&PageToken={encode(cursor)}"


@pytest.mark.parametrize(
    ("order", "backward", "tail"),
    [
        (
            OLDEST_FIRST,
            False,
            "AND (date_created, sid) > (:key_number, :key_text) ORDER BY date_created ASC, sid ASC",
        ),
        (
            OLDEST_FIRST,
            True,
            "AND (date_created, sid) < (:key_number, :key_text) ORDER BY date_created DESC, sid DESC",
        ),
        (
            NEWEST_FIRST,
            True,
            "AND (date_created, sid) > (:key_number, :key_text) ORDER BY date_created ASC, sid ASC",
        ),
        (Order("n", "t", True), False, "AND (n, t) < (:key_number, :key_text) ORDER BY n DESC, t DESC"),
    ],
)
def test_the_sql_starts_strictly_behind_the_key(order: Order, backward: bool, tail: str) -> None:
    made = Window(order, 10, cursor=Cursor((5, "x"), backward))
    assert made.tail == f"{tail} LIMIT :row_limit"
    assert made.values == {"row_limit": 11, "key_number": 5, "key_text": "x"}
    assert "AND" not in Window(order, 10).tail


def test_a_start_that_includes_its_key_says_so_in_the_sql() -> None:
    up = Window(OLDEST_FIRST, 10, cursor=Cursor((5, "x"), inclusive=True))
    down = Window(NEWEST_FIRST, 10, cursor=Cursor((5, "x"), inclusive=True))
    assert up.tail.startswith("AND (date_created, sid) >= (:key_number, :key_text) ORDER BY date_created ASC")
    assert down.tail.startswith(
        "AND (date_created, sid) <= (:key_number, :key_text) ORDER BY date_created DESC"
    )


@pytest.mark.parametrize("descending", [False, True])
def test_where_the_client_chooses_the_direction_a_token_keeps_it(descending: bool) -> None:
    rows = {Item(number, "a") for number in range(6)}
    chosen = Order(descending=descending, chosen=True)
    expected = sorted(rows, reverse=descending)
    first = page(rows, chosen, 2, None)
    assert first.following
    # The next request asks for the other direction, or none: the token decides.
    other = Order(descending=not descending, chosen=True)
    made = window([("PageToken", encode(first.following)), ("PageSize", "2")], other, 100, CODES)
    second = made.page(select(rows, made))
    assert (first.rows, second.rows) == (expected[:2], expected[2:4])
    assert second.previous
    back = window([("PageToken", encode(second.previous)), ("PageSize", "2")], other, 100, CODES)
    assert back.page(select(rows, back)).rows == first.rows


BEHIND = "AND (date_created, sid) > (:key_number, :key_text) "
BEFORE = "AND (date_created, sid) < (:key_number, :key_text) "
SINCE = "AND date_created >= :since_number "
UNTIL = "AND date_created < :until_number "


@pytest.mark.parametrize(
    ("order", "number", "start"),
    [
        (OLDEST_FIRST, None, SINCE + UNTIL),
        (OLDEST_FIRST, 4, BEHIND + UNTIL),
        (OLDEST_FIRST, 2, SINCE + UNTIL),
        (NEWEST_FIRST, 4, BEFORE + SINCE),
        (NEWEST_FIRST, 8, SINCE + UNTIL),
    ],
)
def test_a_range_of_numbers_and_a_key_give_one_condition_on_each_side(
    order: Order, number: int | None, start: str
) -> None:
    cursor = None if number is None else Cursor((number, "x"))
    made = Window(order, 50, cursor=cursor).between(3, 8)
    assert made.tail.startswith(start)
    assert set(made.values) == {*re.findall(r":(\w+)", start), "row_limit"}
    assert (made.span.start, made.span.limit, made.span.walk) == (start, 51, 250)


def test_a_range_may_be_open() -> None:
    assert Window(OLDEST_FIRST, 50, cursor=Cursor((4, "x"))).between(None, None).tail == (
        "AND (date_created, sid) > (:key_number, :key_text) ORDER BY date_created ASC, sid ASC LIMIT :row_limit"
    )


def walk(rows: set[Item], window: Window, matches: Callable[[Item], bool]) -> WalkResult[Item]:
    """Return the rows that a bounded walk finds: the same rules over a set in memory."""
    in_order = select(rows, msgspec.structs.replace(window, size=len(rows)))
    walked = in_order[: window.span.walk]
    found = [row for row in walked if matches(row)][: window.size + 1]
    ended = len(found) > window.size or len(walked) < window.span.walk
    return WalkResult(found, None if ended else walked[-1])


@pytest.mark.parametrize("order", [OLDEST_FIRST, NEWEST_FIRST])
@pytest.mark.parametrize("matching", [set(), {0}, {999}, {0, 260, 261, 900}, set(range(0, 1000, 7))])
def test_pages_of_walks_find_each_row_once_on_the_way_there_and_back(
    order: Order, matching: set[int]
) -> None:
    rows = {Item(number, f"{number:04}") for number in range(1000)}
    wanted = sorted((row for row in rows if row.date_created in matching), reverse=order.descending)

    def matches(row: Item) -> bool:
        return row.date_created in matching

    def turn(cursor: Cursor | None) -> Page[Item]:
        made = Window(order, 3, cursor=cursor and decode(encode(cursor), 21481))
        return made.page(walk(rows, made, matches))

    pages = [turn(None)]
    while pages[-1].following:
        pages.append(turn(pages[-1].following))
    assert [row for page in pages for row in page.rows] == wanted

    back = pages[-1:]
    while back[-1].previous:
        back.append(turn(back[-1].previous))
    assert [row for page in reversed(back) for row in page.rows] == wanted


@given(st.frozensets(items, max_size=8), items, st.booleans(), orders)
def test_an_empty_page_at_an_end_leads_back_to_the_row_that_it_named(
    rows: frozenset[Item], anchor: Item, backward: bool, order: Order
) -> None:
    found = page(set(rows), order, 3, Cursor(anchor, backward))
    if found.rows:
        return
    ahead, back = (found.previous, found.following) if backward else (found.following, found.previous)
    assert ahead is None
    assert back is not None
    near = sorted(rows, reverse=order.descending)
    assert page(set(rows), order, 3, back).rows == (near[:3] if backward else near[-3:])


def test_the_result_of_a_walk_keeps_its_stop_when_its_rows_change() -> None:
    assert WalkResult([1, 2], (7, "x")).map(str) == WalkResult(["1", "2"], (7, "x"))


def test_a_query_holds_the_first_of_the_conditions_that_have_an_index() -> None:
    query = ListQuery("t", ("a = :a",)).narrowed(("b = :b", "c = :c"), ("d",))
    assert query == ListQuery("t", ("a = :a", "b = :b"), ("c = :c", "d"))
    assert ListQuery("t", ("a = :a",)).narrowed(()) == ListQuery("t", ("a = :a",))
