"""The tests are dealt out so that the longest begin first and every one is run once."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from balance import dealt


def test_the_longest_tests_begin_the_stretches() -> None:
    tests = [f"t{number}" for number in range(8)]
    order = dealt(tests, {"t5": 9.0, "t6": 5.0, "t7": 4.0}, 2)
    assert order == [5, 0, 1, 2, 6, 7, 3, 4]


def test_what_is_not_slow_keeps_its_order() -> None:
    assert dealt(["a", "b", "c", "d", "e"], {"gone": 9.0}, 3) == [0, 1, 2, 3, 4]


@settings(deadline=None)
@given(st.integers(0, 40), st.dictionaries(st.integers(0, 40), st.floats(3, 99)), st.integers(1, 8))
def test_every_test_is_run_once(count: int, slow: dict[int, float], workers: int) -> None:
    order = dealt([str(one) for one in range(count)], {str(one): two for one, two in slow.items()}, workers)
    assert sorted(order) == list(range(count))
