"""Requests that Schemathesis makes from the vendor's documents, valid and not: no 5xx, no undocumented shape.

Each request goes to a node on each storage engine; the client holds every answer against the contract. In each run the
requests are the same few; with the variable ``TRUNKLINE_FUZZ_EXAMPLES`` set to a number they are so many an operation,
and others in each run.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case

from api.conftest import Api
from fuzz.operations import SERVED, FuzzedOperation, operations
from fuzz.world import World, name_of

VARIABLE = "TRUNKLINE_FUZZ_EXAMPLES"
WIDER = int(os.environ.get(VARIABLE, "0"))
EXAMPLES = 6
ACCEPTED = 0.25
"""The share of requests that must succeed: otherwise they only knock on the door."""
RUN = settings(
    max_examples=WIDER or EXAMPLES,
    derandomize=not WIDER,
    database=None,
    deadline=None,
    # Shrinking repeats requests on what the earlier ones left; the first failing request tells enough.
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
UNFINISHED = ("queued", "scheduled", "accepted")
"""Messages that cannot be deleted: nothing is sent here."""


class Life:
    """Operations that may follow on a creation: those on the new resource."""

    def __init__(self, known: dict[tuple[str, str], FuzzedOperation], create: FuzzedOperation) -> None:
        stem, dot, end = create.template.partition(".json")
        self.end = dot + end
        self.stem = stem
        below = [
            (method, template)
            for method, template in known
            if template.removesuffix(".json").rpartition("/")[0] == stem and template.endswith("}" + self.end)
        ]
        self.methods = {method: known[method, template] for method, template in below}

    @property
    def changes(self) -> st.SearchStrategy[Case | None]:
        """Requests that update the resource, drawn beforehand: what is drawn may not depend on answers."""
        return self.methods["POST"].cases if "POST" in self.methods else st.none()

    def live(self, world: World, path: str, body: dict[str, Any], change: Case | None) -> None:
        """Fetch, update, delete and search the resource that a request to ``path`` made."""
        item = f"{path.removesuffix('.json')}/{name_of(body)}{self.end}"
        fetched = world.send("GET", item, {})
        assert fetched.status_code == 200, (item, fetched.text)
        shared = fetched.json().keys() & body.keys() - {"secret"}
        assert {key: body[key] for key in shared} == {key: fetched.json()[key] for key in shared}
        if change:
            world.play(change, item)
        if fetched.json().get("status") in UNFINISHED:
            assert world.send("DELETE", item, {}).status_code == 409, item
        elif "DELETE" in self.methods:
            assert world.send("DELETE", item, {}).status_code == 204, item
            assert world.send("GET", item, {}).status_code == 404, item


def _play(worlds: Sequence[World], operation: FuzzedOperation, life: Life | None) -> None:
    """Make the requests of one operation, and send each to the node of each world."""

    @RUN
    @given(operation.cases, life.changes if life else st.none(), st.integers(0, 5))
    def run(case: Case, change: Case | None, own: int) -> None:
        for world in worlds:
            path = world.path(operation.template) if own or "{" not in operation.template else None
            response = world.play(case, path)
            if response.status_code == 201 and path and life and "GET" in life.methods:
                life.live(world, path, response.json(), change)
            if response.status_code == 200 and operation.method == "GET":
                _turn(world, response.json())

    run()


def _turn(world: World, body: dict[str, Any]) -> None:
    """Follow a list to its next and previous page."""
    meta = body.get("meta", body)
    for way in ("next_page", "previous_page"):
        if link := meta.get(f"{way}_url") or meta.get(f"{way}_uri"):
            response = world.follow(link)
            assert response.status_code == 200, (link, response.text)


@pytest.mark.parametrize(("product", "version"), SERVED)
def test_no_request_breaks_the_contract(apis: list[Api], product: str, version: str) -> None:
    known = {(one.method, one.template): one for one in operations(product, version)}
    assert known
    worlds = [World(api, product) for api in apis]
    failed = []
    for (method, _), operation in known.items():
        try:
            _play(worlds, operation, Life(known, operation) if method == "POST" else None)
        except AssertionError as error:
            failed.append(f"{operation.label}\n{error}\n" + "\n".join(getattr(error, "__notes__", [])))
    for world in worlds:
        summary = (
            f"{len(known)} operations on {world.engine} answered {world.statuses}; {VARIABLE}=1000 makes more"
        )
        print(summary)
        assert not failed, "\n\n".join([*failed, summary])
        accepted = sum(count for status, count in world.statuses.items() if status < 300)
        assert accepted > ACCEPTED * sum(world.statuses.values()), summary
