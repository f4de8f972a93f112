"""Carriers: ``GET /_trunkline/carriers`` shows their state, and gateways tell of receipts and messages at
``POST /_trunkline/carriers/<name>/receipts`` and ``…/messages``.

The first takes the account's auth token or a main key; the others the gateway's own secret, as a bearer token.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import msgspec

from trunkline.api.auth import Directory, main_account, refused
from trunkline.api.control import ControlAnswer, ControlRequest
from trunkline.api.errors import ApiError
from trunkline.api.headers import JSON
from trunkline.core.storage.database import Database

PATH = "/carriers"


class Shown(Protocol):
    """A carrier, as far as the operator sees it."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    def shown(self) -> dict[str, Any]:
        """Its state, without secrets."""
        ...


@runtime_checkable
class Gateway(Protocol):
    """A carrier that is told by requests."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    def trusts(self, authorization: str) -> bool:
        """Whether a request is the gateway's."""
        ...

    async def told(self, what: str, body: bytes) -> bool:
        """Take a report; False for a word that means nothing. Raises ValueError for what cannot be understood."""
        ...


class Carriers:
    """Answers the paths of carriers."""

    def __init__(self, database: Database, directory: Directory, carriers: Sequence[Shown]) -> None:
        self._database = database
        self._directory = directory
        self._carriers = carriers
        self._gateways = {carrier.name: carrier for carrier in carriers if isinstance(carrier, Gateway)}

    async def __call__(self, request: ControlRequest) -> ControlAnswer | None:
        """The status, content type and body; None for an unknown path. Raises ApiError 20001, 20003, 20004."""
        if request.path == PATH:
            if request.method != "GET":
                raise ApiError(20004, headers={"Allow": "GET, HEAD"})
            await main_account(self._database, self._directory, request.authorization)
            shown = [carrier.shown() for carrier in self._carriers]
            return 200, JSON, msgspec.json.encode({"carriers": shown})
        if not request.path.startswith(PATH + "/"):
            return None
        name, _, what = request.path.removeprefix(PATH + "/").partition("/")
        gateway = self._gateways.get(name)
        if gateway is None:
            return None
        if request.method != "POST":
            raise ApiError(20004, headers={"Allow": "POST"})
        if not gateway.trusts(request.authorization):
            raise refused(detail="The bearer token is not the carrier's secret.")
        try:
            return (204, JSON, b"") if await gateway.told(what, request.body) else None
        except ValueError as error:
            raise ApiError(20001, f"The report cannot be understood: {error}") from None
