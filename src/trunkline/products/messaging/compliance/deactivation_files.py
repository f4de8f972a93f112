"""The files of deactivated numbers, for every bearer of the address of one: text, one number a line (doc)."""

from __future__ import annotations

from trunkline.api.errors import ApiError
from trunkline.api.public import PublicRequest, PublicResponse
from trunkline.core.clock import Clock
from trunkline.core.secrets import Vault
from trunkline.core.storage.database import Database
from trunkline.products.messaging.compliance import deactivations

_STARTS = (b"/v1/Deactivations/", b"/messaging/v1/Deactivations/")


class DeactivationFiles:
    """The handler of the files; it implements ``trunkline.api.public.Public``."""

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    def claims(self, raw_path: bytes) -> bool:
        """Return whether the path is a file's, with or without the product's prefix."""
        return raw_path.startswith(_STARTS)

    async def respond(self, request: PublicRequest) -> PublicResponse | None:
        """Return the file; None if the address is invalid or has expired. Raise ApiError 20004."""
        if request.method != "GET":
            raise ApiError(20004, headers={"Allow": "GET, HEAD"})
        token = request.path.rpartition("/")[2]
        file = deactivations.decode_address(self._vault, token, self._clock())
        if file is None:
            return None
        found = await self._database.scan(lambda tx: deactivations.numbers(tx, file.account_sid, file.day))
        body = "".join(f"{number}\n" for number in found).encode()
        headers = {
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
        }
        return PublicResponse(200, headers, body)
