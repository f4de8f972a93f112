"""Carriers: ``GET /_trunkline/carriers`` shows their state to the operator, and gateways report receipts and messages
to ``POST /_trunkline/carriers/{name}/receipts`` and ``…/messages``.

The reports take the gateway's own secret, as a bearer token.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from trunkline.api.auth import unauthorized
from trunkline.api.errors import ApiError
from trunkline.api.operation import FOR_OPERATOR, Call, Operation, OperationKind, handled
from trunkline.transports.base import Carrier

MAX_REPORT = 8 * 1024 * 1024
"""The bytes of a report: a message has attachments, which are in memory until they are stored."""


@runtime_checkable
class ReportingGateway(Protocol):
    """A carrier that reports by requests."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    def authenticates(self, authorization: str) -> bool:
        """Return whether a request is the gateway's."""
        ...

    async def report(self, what: str, body: bytes) -> bool:
        """Record a report; return False for an unknown kind. Raise ValueError for a body that cannot be decoded."""
        ...


class CarrierResource:
    """The carriers of a node."""

    def __init__(self, carriers: Sequence[Carrier]) -> None:
        self._carriers = carriers
        self._gateways = {one.name: one for one in carriers if isinstance(one, ReportingGateway)}

    async def list_carriers(self, call: Call[Any]) -> list[dict[str, Any]]:
        """Return the state of every carrier, in the configuration's order, without secrets."""
        return [carrier.shown() for carrier in self._carriers]

    async def report(self, call: Call[Any]) -> bool | None:
        """Record a gateway's report. Raise ApiError 20003 for a wrong secret, 20001 for a body that cannot be
        decoded."""
        gateway = self._gateways.get(call.path["Name"])
        if gateway is None:
            return None
        if not gateway.authenticates(call.headers.get("authorization", "")):
            raise unauthorized(detail="The bearer token is not the carrier's secret.")
        assert call.upload is not None
        body = await call.upload.read()
        try:
            return await gateway.report(call.path["Report"], body)
        except ValueError as error:
            raise ApiError(20001, f"The report cannot be understood: {error}") from None

    def operations(self) -> tuple[Operation, ...]:
        """Return the operations of carriers."""
        return (
            handled(
                OperationKind.FETCH,
                "/carriers",
                self.list_carriers,
                lambda shown, _urls: {"carriers": shown},
                **FOR_OPERATOR,
            ),
            handled(
                OperationKind.CREATE,
                "/carriers/{Name}/{Report}",
                self.report,
                None,
                status=204,
                schemes=frozenset(),
                max_upload=MAX_REPORT,
            ),
        )
