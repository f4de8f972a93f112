"""Programmable Chat: Services and their roles.

Versions 1 and 2 and both hosts are views of one store (inferred).
"""

from __future__ import annotations

from trunkline.api.errors import ApiError
from trunkline.api.operation import Mount, Operation, Product
from trunkline.core.storage.database import Tx
from trunkline.products.chat import parent_service, roles, services
from trunkline.products.chat.configuration import DOCUMENTED_LIMITS, SEEN_LIMITS, ChatLimits
from trunkline.products.chat.schema import MIGRATIONS, RETENTION, SERVICE_REMOVAL
from trunkline.products.manifest import Context, Manifest, Runtime
from trunkline.realtime.product import RealtimeProduct
from trunkline.settings.chat import ChatSettings

HOSTS = ("chat", "ip-messaging")


def manifest(settings: ChatSettings) -> Manifest:
    """Return Chat's manifest."""
    limits = SEEN_LIMITS if settings.chat_limits_as_seen else DOCUMENTED_LIMITS
    versions = {"v1": _operations_v1(limits), "v2": _operations_v2(limits)}
    mounts = tuple(
        Mount(host, version, operations, names_version=False)
        for host in HOSTS
        for version, operations in versions.items()
    )
    return Manifest(
        Product("chat", mounts),
        MIGRATIONS,
        run=run,
        finders={"chat": find_service},
        removals=(SERVICE_REMOVAL,),
        retention=RETENTION,
    )


def run(context: Context) -> Runtime:
    """Return Chat on a node. Its clients may log in; it has no operations for them yet."""
    return Runtime(realtime=RealtimeProduct("chat", ("chat", "ip_messaging")))


async def find_service(tx: Tx, account_sid: str, sid: str) -> str | None:
    """Return the SID if it is a Service of the account, else None."""
    try:
        await parent_service.require_service(tx, account_sid, sid)
    except ApiError:
        return None
    return sid


def _operations_v1(limits: ChatLimits) -> tuple[Operation, ...]:
    return (*services.operations_v1(limits), *roles.operations(maximum=1000))


def _operations_v2(limits: ChatLimits) -> tuple[Operation, ...]:
    return (*services.operations_v2(limits), *roles.operations(maximum=100))
