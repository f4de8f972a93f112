"""Continuation tokens are recognised, and never refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from trunkline.core.access_tokens import Grant
from trunkline.realtime.continuation_tokens import Reissue, Seal

GRANT = Grant("AC1", {"data_sync": "IS1"}, "alice", "SK1", 10)


def _seal(key: bytes = b"key") -> Seal:
    ids = iter("0123456789abcdef")
    return Seal(key, lambda: next(ids) * 32)


def _with(**changes: Any) -> Grant:
    fields = {name: getattr(GRANT, name) for name in GRANT.__struct_fields__}
    return Grant(**{**fields, **changes})


def test_a_client_without_a_token_is_new() -> None:
    made = _seal().resume(None, GRANT)
    assert (made.endpoint_id, made.reissue) == ("twi1-" + "0" * 32, Reissue.MISSING)


def test_a_token_is_recognised_by_every_node_with_the_key_and_after_a_new_access_token() -> None:
    first = _seal().resume(None, GRANT)
    again = _seal().resume(first.token, _with(expires_at=99, key_sid="SK2"))
    assert (again.endpoint_id, again.token, again.reissue) == (first.endpoint_id, first.token, None)


@pytest.mark.parametrize(
    "changes",
    [{"identity": "bob"}, {"account_sid": "AC2"}, {"services": {"data_sync": "IS2"}}, {"services": {}}],
)
def test_somebody_else_gets_an_endpoint_of_their_own(changes: dict[str, Any]) -> None:
    seal = _seal()
    first = seal.resume(None, GRANT)
    other = seal.resume(first.token, _with(**changes))
    assert other.reissue is Reissue.DIFFERENT_IDENTITY
    assert other.endpoint_id != first.endpoint_id


@pytest.mark.parametrize("token", ["", ".", "x", "a.b", "a.b.c", "é.ü", "e30=.e30=", "\ud800"])
def test_what_is_no_token_of_ours_is_replaced(token: str) -> None:
    assert _seal().resume(token, GRANT).reissue is Reissue.INVALID


def test_a_changed_token_is_not_recognised() -> None:
    raw, _, signature = _seal().resume(None, GRANT).token.partition(".")
    content = json.loads(base64.b64decode(raw))
    assert content["format"] == "rtd-ct-1"
    forged = base64.b64encode(json.dumps({**content, "endpointId": "twi1-x"}).encode()).decode()
    assert _seal().resume(f"{forged}.{signature}", GRANT).reissue is Reissue.INVALID
    assert _seal(b"other").resume(f"{raw}.{signature}", GRANT).reissue is Reissue.INVALID


def test_storage_ids_depend_on_whose_data_they_hold() -> None:
    one = _seal().storage_id(GRANT, "data_sync")
    assert one == _seal().storage_id(_with(expires_at=99, key_sid="SK2"), "data_sync")
    others = [
        _seal().storage_id(_with(identity="bob"), "data_sync"),
        _seal().storage_id(_with(account_sid="AC2"), "data_sync"),
        _seal().storage_id(_with(services={"data_sync": "IS2"}), "data_sync"),
        _seal().storage_id(GRANT, "ip_messaging"),
    ]
    assert len({one, *others}) == 5
    assert len(one) == 40
