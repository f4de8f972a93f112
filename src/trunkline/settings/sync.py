"""The options of Sync."""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.settings.option import option


@dataclass(frozen=True, kw_only=True)
class SyncSettings:
    """The options of the table ``[sync]``."""

    sync_limits: bool = option(
        True,
        "Apply Sync's documented limits, such as 20 writes a second for one object; false for none.",
    )
