"""Options that a URL's fragment overrides."""

from __future__ import annotations

import pytest

from trunkline.core.webhooks.overrides import RetryCondition, RetryPolicy, override

ALL = frozenset(
    {RetryCondition.CLIENT_ERROR, RetryCondition.SERVER_ERROR, RetryCondition.CONNECT, RetryCondition.READ}
)

GOOD = [
    ("", RetryPolicy()),
    ("section", RetryPolicy()),
    ("other=1&x=2&=", RetryPolicy()),
    ("ct=100&rt=15000&tt=100&rc=0", RetryPolicy(connect=100, read=15000, total=100, retries=0)),
    ("rc=5&rp=5xx", RetryPolicy(retries=5, on=frozenset({RetryCondition.SERVER_ERROR}))),
    ("rp=4xx,rt", RetryPolicy(on=frozenset({RetryCondition.CLIENT_ERROR, RetryCondition.READ}))),
    ("rp=4xx%2Crt", RetryPolicy(on=frozenset({RetryCondition.CLIENT_ERROR, RetryCondition.READ}))),
    ("rp=all", RetryPolicy(on=ALL)),
    ("rc=2&rc=3", RetryPolicy(retries=3)),
    ("e=ashburn,dublin&sni=y", RetryPolicy()),
]
BAD = [
    ("ct=99", 11243), ("ct=10001", 11243), ("rt=15001", 11243), ("tt=0", 11243), ("rc=6", 11243), ("rc=-1", 11243),
    ("rc=", 11243), ("rc=1.0", 11243), ("rc=%C2%B2", 11243), ("rc=1_0", 11243), ("rc=99999999999999999999", 11243),
    ("rp=", 11243), ("rp=6xx", 11243), ("rp=5xx,", 11243), ("rp=busy", 11243), ("sni=x", 11243), ("e=moon", 11240),
]  # fmt: skip


@pytest.mark.parametrize(("fragment", "expected"), GOOD)
def test_good_overrides(fragment: str, expected: RetryPolicy) -> None:
    assert override(RetryPolicy(), fragment) == (expected, [])


@pytest.mark.parametrize(("fragment", "code"), BAD)
def test_a_bad_one_is_reported_and_the_default_counts(fragment: str, code: int) -> None:
    policy, problems = override(RetryPolicy(), f"{fragment}&tt=5000")
    assert policy == RetryPolicy(total=5000)
    assert [problem.code for problem in problems] == [code]


def test_what_a_service_set_counts_where_nothing_overrides_it() -> None:
    policy, _ = override(RetryPolicy(retries=3, on=frozenset({RetryCondition.BUSY})), "ct=300")
    assert policy == RetryPolicy(connect=300, retries=3, on=frozenset({RetryCondition.BUSY}))
