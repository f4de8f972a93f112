"""Operations of the control API on the command line: executed in this process on the server's database, while it runs
or not.

They pass the router, the checks and the executor that requests pass, with the operator's access. Only the words of an
error differ: it names options where the response to a request names parameters.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec

from trunkline.api.addressing import CONTROL
from trunkline.api.errors import ApiError, InvalidParameter
from trunkline.api.execution import OperationExecutor, Request
from trunkline.api.operation import PrepareContext
from trunkline.api.paging import MAX_SIZE
from trunkline.api.principal import OPERATOR
from trunkline.api.router import Router
from trunkline.app.data import open_blobs
from trunkline.app.outgoing_requests import open_delivery, open_egress
from trunkline.app.products import open_accounts, products
from trunkline.cli.errors import fail
from trunkline.cli.open_database import with_database
from trunkline.control import control_product
from trunkline.core.egress.client import Egress
from trunkline.core.secrets import Vault
from trunkline.core.storage.database import Database
from trunkline.products.accounts.facade import UnknownAccount
from trunkline.settings import Settings

PAGE_SIZE = MAX_SIZE
"""Rows of a list that are read at once."""

Segments = tuple[str, ...]
"""The segments of an Operation's path, with the values of its variables."""

Parameters = Mapping[str, str | bool | float | None]
"""Parameters by their names in the control API; None stands for one that is not given."""

_ACCOUNT = "AccountSid"
_ARGUMENTS = {"Number": "NUMBER"}
"""From a parameter to the argument that gives its value. The others are options of their names."""

T = TypeVar("T")


def run(
    settings: Settings, method: str, path: Segments, parameters: Parameters | None = None, absent: str = ""
) -> Any:
    """Return the JSON of an Operation, None if it returns nothing. Exit with a message if it is rejected; ``absent``
    is the message if there is no such resource."""
    return _with_api(settings, lambda api: api.execute(method, path, parameters or {}, absent))


def run_list(settings: Settings, path: Segments, key: str, parameters: Parameters) -> list[Any]:
    """Return all rows of a paged list, which its Operation returns under ``key``. Exit with a message if it is
    rejected."""

    async def read_pages(api: _ControlApi) -> list[Any]:
        rows: list[Any] = []
        token: str | None = ""
        while token is not None:
            page = await api.execute("GET", path, {**parameters, "PageSize": PAGE_SIZE, "PageToken": token})
            rows += page[key]
            token = page["next_page_token"]
        return rows

    return _with_api(settings, read_pages)


class _ControlApi:
    """The Operations of the control API that need no running node."""

    def __init__(self, settings: Settings, database: Database, vault: Vault, egress: Egress) -> None:
        manifests = products(settings)
        self._router = Router(
            [control_product(operation for manifest in manifests for operation in manifest.control)]
        )
        accounts = open_accounts(settings, database, vault, manifests)
        delivery = open_delivery(
            settings, database, egress, accounts.signing_token, accounts.record_webhook_alert, database.clock
        )
        context = PrepareContext(database, open_blobs(settings, database, manifests), delivery)
        self._executor = OperationExecutor(context, accounts.directory, vault)

    async def execute(self, method: str, path: Segments, parameters: Parameters, absent: str = "") -> Any:
        """Return the JSON of an Operation, None if it returns nothing. Exit with a message if it is rejected."""
        fields = [(name, _text(value)) for name, value in parameters.items() if value is not None]
        named = f"/{CONTROL}/{'/'.join(path)}"
        _require_unicode(named, *(value for _, value in fields))
        try:
            match = self._router.match(CONTROL, method, path, named)
            response = await self._executor.handle(Request(match, OPERATOR, "", named, fields))
        except ApiError as error:
            raise _rejection(error, dict(fields), absent) from None
        return msgspec.json.decode(response.body) if response.body else None


def _with_api(settings: Settings, work: Callable[[_ControlApi], Awaitable[T]]) -> T:
    async def work_with(database: Database, vault: Vault) -> T:
        egress = open_egress(settings)
        try:
            return await work(_ControlApi(settings, database, vault, egress))
        finally:
            await egress.close()

    return with_database(settings, work_with)


def _rejection(error: ApiError, given: Mapping[str, str], absent: str) -> Exception:
    """Return what ends a command whose Operation is rejected."""
    if not isinstance(error, InvalidParameter):
        return fail(absent if absent and error.status == 404 else error.message)
    if error.parameter == _ACCOUNT:
        return UnknownAccount(given[_ACCOUNT])
    # A reason is a predicate of the parameter, or a sentence that names the value.
    subject = _ARGUMENTS.get(error.parameter, f"--{error.parameter.lower()}")
    return fail(f"{subject} {error.why}" if error.why.startswith("must ") else error.why)


def _text(value: str | bool | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _require_unicode(*texts: str) -> None:
    """Exit if the shell passed bytes that are no text, which storage cannot hold."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        raise fail("the arguments are not UTF-8") from None
