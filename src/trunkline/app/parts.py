"""What a node stands on: the products' manifests, the vault, the storage, the proxy's CA."""

from __future__ import annotations

from trunkline.api.operation import Product
from trunkline.core import mutations
from trunkline.core.clock import Clock, system_clock
from trunkline.core.jobs import schema as jobs
from trunkline.core.secrets import Vault, load_or_create_key, parse_key
from trunkline.core.storage.database import Database
from trunkline.core.storage.migrate import Migration
from trunkline.core.storage.open import open_database
from trunkline.core.webhooks import log as attempts
from trunkline.products import accounts, chat, messaging, notify, sync
from trunkline.products.messaging.policy import Policy, Rules, words
from trunkline.products.sync.limits import Buckets
from trunkline.settings import Settings
from trunkline.switch.authority import Authority
from trunkline.transports.sandbox import phones
from trunkline.transports.smpp import stored_parts

MASTER_KEY_FILE = "master.key"
CA_DIRECTORY = "ca"


def products(settings: Settings, buckets: Buckets | None = None) -> tuple[Product, ...]:
    """The manifests of all products; ``buckets`` keep Sync's limits."""
    return (
        accounts.PRODUCT,
        chat.product(settings.chat.chat_limits_as_seen),
        messaging.product(messaging_policy(settings)),
        notify.product(settings.notify.max_notify_services),
        sync.product(buckets),
    )


def messaging_policy(settings: Settings) -> Policy:
    """What the settings say of Messaging's resources."""
    rules = Rules(
        countries=frozenset(code.upper() for code in words(settings.messaging.geo_permissions)),
        refuse_landlines=settings.messaging.refuse_landlines,
        blocked_senders=frozenset(word.lower() for word in words(settings.messaging.blocked_sender_ids)),
        max_scheduled=settings.messaging.max_scheduled_messages,
    )
    return Policy(
        settings.messaging.compliance_approval == "auto", settings.messaging.max_service_senders, rules
    )


def migrations(settings: Settings) -> list[Migration]:
    """The steps of the whole schema: what the core keeps, then each product's."""
    rooms = [
        jobs.MIGRATIONS,
        attempts.MIGRATIONS,
        mutations.MIGRATIONS,
        *(product.migrations for product in products(settings)),
        phones.MIGRATIONS,
        stored_parts.MIGRATIONS,
    ]
    return [migration for room in rooms for migration in room]


def open_vault(settings: Settings) -> Vault:
    """The vault under the configured master key, or the one in the data directory, made on first use. Raises
    BadMasterKey, OSError."""
    if settings.storage.master_key:
        return Vault(parse_key(settings.storage.master_key))
    settings.storage.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Vault(load_or_create_key(settings.storage.data_dir / MASTER_KEY_FILE))


def open_storage(settings: Settings, clock: Clock = system_clock, *, shared: bool = False) -> Database:
    """The configured database, not yet started; ``shared`` opens it beside a server that runs on it. Raises
    StorageError."""
    settings.storage.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return open_database(settings.storage.url, migrations(settings), clock, shared=shared)


def open_authority(settings: Settings) -> Authority:
    """The CONNECT proxy's CA in the data directory, made on first use. Raises OSError."""
    return Authority.open(settings.storage.data_dir / CA_DIRECTORY)
