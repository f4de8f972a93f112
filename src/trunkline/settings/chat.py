"""The options of Chat."""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.settings.option import option


@dataclass(frozen=True, kw_only=True)
class ChatSettings:
    """The options of the table ``[chat]``."""

    chat_limits_as_seen: bool = option(
        False,
        "Give new Chat Services the limits that were observed at the real service",
        "(100 members, 250 channels) instead of the documented ones (250, 100).",
    )
