"""Mutation ids of requests: ``X-Twilio-Mutation-Id`` names a change, which is then executed once.

A repeat returns 202 with the SID and the URL of the resource; ``trunkline.core.mutation_claims`` keeps the ids.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

import msgspec

from trunkline.api.errors import invalid
from trunkline.api.principal import Principal
from trunkline.core.mutation_claims import Mutation
from trunkline.core.sids import new_sid

HEADER = "x-twilio-mutation-id"

_ID = re.compile(r"[\x21-\x7e]{1,128}")


class MutationTarget(msgspec.Struct, frozen=True):
    """The resource of a mutation: the template of its path below the version, and the path variable that holds its
    SID. For a creation ``prefix`` is that of the SID that is reserved, and the request's path lacks the variable."""

    path: str
    variable: str
    prefix: str = ""

    def segments(self, variables: Mapping[str, str], sid: str) -> tuple[str, ...]:
        """Return the segments of the resource's path."""
        values = {**variables, self.variable: sid}
        return tuple(
            values[segment[1:-1]] if segment.startswith("{") else segment
            for segment in self.path.strip("/").split("/")
        )


def read_mutation(
    headers: Mapping[str, str], principal: Principal, target: MutationTarget, variables: Mapping[str, str]
) -> Mutation | None:
    """Return the mutation that a request names, not yet claimed; None if it names none. Raise ApiError 20001 for an
    id that is not 1 to 128 visible ASCII characters."""
    name = headers.get(HEADER)
    if name is None:
        return None
    if not _ID.fullmatch(name):
        raise invalid("X-Twilio-Mutation-Id")
    sid = new_sid(target.prefix) if target.prefix else variables[target.variable]
    return Mutation(
        principal.account_sid,
        principal.service_sid or "",
        principal.identity or "",
        name,
        secrets.token_hex(8),
        sid,
        False,
        0,
    )
