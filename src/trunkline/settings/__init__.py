"""The settings of a server: every option once, in groups, one module a group.

A value comes from, in this order: the command line (``--data-dir``), the environment (``TRUNKLINE_DATA_DIR``), the
file ``trunkline.toml`` in the working directory or the one that ``TRUNKLINE_CONFIG`` names, the default. In the file
an option stands in the table of its group, or at the top. ``loading`` reads and checks all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from trunkline.settings.accounts import AccountSettings
from trunkline.settings.chat import ChatSettings
from trunkline.settings.messaging import MessagingSettings
from trunkline.settings.notify import NotifySettings
from trunkline.settings.option import Option, options_of
from trunkline.settings.realtime import RealtimeSettings
from trunkline.settings.retention import RetentionSettings
from trunkline.settings.server import ServerSettings
from trunkline.settings.storage import StorageSettings
from trunkline.settings.sync import SyncSettings
from trunkline.settings.webhooks import WebhookSettings


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The effective options of a server, by group. A group's name is its table in the file."""

    server: ServerSettings = ServerSettings()
    storage: StorageSettings = StorageSettings()
    accounts: AccountSettings = AccountSettings()
    webhooks: WebhookSettings = WebhookSettings()
    retention: RetentionSettings = RetentionSettings()
    realtime: RealtimeSettings = RealtimeSettings()
    notify: NotifySettings = NotifySettings()
    messaging: MessagingSettings = MessagingSettings()
    chat: ChatSettings = ChatSettings()
    sync: SyncSettings = SyncSettings()

    @classmethod
    def of(cls, **values: Any) -> Settings:
        """Return the settings with these values by the options' names, and the defaults of all others. Raise BadSetting
        if a value is not allowed."""
        groups: dict[str, dict[str, Any]] = {name: {} for name in GROUPS}
        for name, value in values.items():
            groups[OPTIONS[name].group][name] = OPTIONS[name].checked(value)
        return cls(**{name: GROUPS[name](**chosen) for name, chosen in groups.items()})

    def value(self, name: str) -> Any:
        """Return the value of an option."""
        return getattr(getattr(self, OPTIONS[name].group), name)

    def printable(self) -> Mapping[str, Any]:
        """Return the values for printing, by the options' names, without secrets."""
        return {name: option.printable(self.value(name)) for name, option in OPTIONS.items()}


GROUPS: Mapping[str, type] = {group.name: type(group.default) for group in fields(Settings)}
"""The groups by name, in the order of the help."""

OPTIONS: Mapping[str, Option] = {
    option.name: option for name, group in GROUPS.items() for option in options_of(name, group)
}
"""Every option by name, in the order of the help."""
