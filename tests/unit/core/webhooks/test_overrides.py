"""What a URL's fragment overrides."""

from __future__ import annotations

import pytest

from trunkline.core.webhooks.overrides import Policy, Trouble, override

ALL = frozenset({Trouble.CLIENT_ERROR, Trouble.SERVER_ERROR, Trouble.CONNECT, Trouble.READ})

GOOD = [
    ("", Policy()),
    ("section", Policy()),
    ("other=1&x=2&=", Policy()),
    ("ct=100&rt=15000&tt=100&rc=0", Policy(connect=100, read=15000, total=100, retries=0)),
    ("rc=5&rp=5xx", Policy(retries=5, on=frozenset({Trouble.SERVER_ERROR}))),
    ("rp=4xx,rt", Policy(on=frozenset({Trouble.CLIENT_ERROR, Trouble.READ}))),
    ("rp=4xx%2Crt", Policy(on=frozenset({Trouble.CLIENT_ERROR, Trouble.READ}))),
    ("rp=all", Policy(on=ALL)),
    ("rc=2&rc=3", Policy(retries=3)),
    ("e=ashburn,dublin&sni=y", Policy()),
]
BAD = [
    ("ct=99", 11243), ("ct=10001", 11243), ("rt=15001", 11243), ("tt=0", 11243), ("rc=6", 11243), ("rc=-1", 11243),
    ("rc=", 11243), ("rc=1.0", 11243), ("rc=%C2%B2", 11243), ("rc=1_0", 11243), ("rc=99999999999999999999", 11243),
    ("rp=", 11243), ("rp=6xx", 11243), ("rp=5xx,", 11243), ("rp=busy", 11243), ("sni=x", 11243), ("e=moon", 11240),
]  # fmt: skip


@pytest.mark.parametrize(("fragment", "expected"), GOOD)
def test_good_overrides(fragment: str, expected: Policy) -> None:
    assert override(Policy(), fragment) == (expected, [])


@pytest.mark.parametrize(("fragment", "code"), BAD)
def test_a_bad_one_is_reported_and_the_default_counts(fragment: str, code: int) -> None:
    policy, problems = override(Policy(), f"{fragment}&tt=5000")
    assert policy == Policy(total=5000)
    assert [problem.code for problem in problems] == [code]


def test_what_a_service_set_counts_where_nothing_overrides_it() -> None:
    policy, _ = override(Policy(retries=3, on=frozenset({Trouble.BUSY})), "ct=300")
    assert policy == Policy(connect=300, retries=3, on=frozenset({Trouble.BUSY}))
