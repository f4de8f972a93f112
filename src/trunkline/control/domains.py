"""Domains of short links: ``/_trunkline/domains``. Takes the account's auth token or a main key.

``GET`` lists the account's, ``POST`` with ``Name`` adds one, ``DELETE …/{DN}`` takes one away, and
``GET …/{DN}/certificate`` hands out certificate and key to whoever ends TLS for the name.
"""

from __future__ import annotations

from typing import Any

import msgspec

from trunkline.api.auth import Directory, main_account
from trunkline.api.control import ControlAnswer, ControlRequest
from trunkline.api.errors import ApiError, invalid
from trunkline.api.headers import JSON
from trunkline.core.clock import SECOND
from trunkline.core.secrets import Vault
from trunkline.core.storage.database import Database
from trunkline.products.messaging import facade
from trunkline.products.messaging.facade import BadDomain, Domain

PATH = "/domains"
_PEM = b"application/x-pem-file"


class Domains:
    """Answers the paths of domains."""

    def __init__(self, database: Database, directory: Directory, vault: Vault) -> None:
        self._database = database
        self._directory = directory
        self._vault = vault

    async def __call__(self, request: ControlRequest) -> ControlAnswer | None:
        """The status, content type and body; None for an unknown path or domain. Raises ApiError 20001, 20003,
        20004."""
        if request.path != PATH and not request.path.startswith(PATH + "/"):
            return None
        account_sid = await main_account(self._database, self._directory, request.authorization)
        sid, _, what = request.path.removeprefix(PATH).lstrip("/").partition("/")
        match request.method, bool(sid), what:
            case "GET", False, "":
                found = await self._database.read(lambda tx: facade.all_domains(tx, account_sid))
                return 200, JSON, msgspec.json.encode({"domains": [_shown(one) for one in found]})
            case "POST", False, "":
                return await self._add(account_sid, dict(request.fields).get("Name", ""))
            case "DELETE", True, "":
                gone = await self._database.write(lambda tx: facade.remove_domain(tx, account_sid, sid))
                return (204, JSON, b"") if gone else None
            case "GET", True, "certificate":
                pem = await self._database.read(
                    lambda tx: facade.domain_certificate(tx, self._vault, account_sid, sid)
                )
                return None if pem is None else (200, _PEM, pem.encode())
            case _, True, "certificate":
                raise ApiError(20004, headers={"Allow": "GET, HEAD"})
            case _, _, "":
                raise ApiError(20004, headers={"Allow": "DELETE" if sid else "GET, HEAD, POST"})
        return None

    async def _add(self, account_sid: str, name: str) -> ControlAnswer:
        try:
            domain = await self._database.write(lambda tx: facade.add_domain(tx, account_sid, name))
        except BadDomain as error:
            raise invalid("Name", str(error)) from None
        return 201, JSON, msgspec.json.encode(_shown(domain))


def _shown(domain: Domain) -> dict[str, Any]:
    return {
        "sid": domain.sid,
        "name": domain.name,
        "reached_at": domain.reached / SECOND if domain.reached else None,
        "certificate": domain.certificate is not None,
        "certificate_requested": domain.certificate_managed,
        "certificate_expires_at": domain.certificate_expires / SECOND if domain.certificate_expires else None,
    }
