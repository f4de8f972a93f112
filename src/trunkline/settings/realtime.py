"""The options of realtime connections."""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.settings.option import option
from trunkline.settings.values import at_least, origins


@dataclass(frozen=True, kw_only=True)
class RealtimeSettings:
    """The options of the table ``[realtime]``."""

    realtime_origins: str = option(
        "",
        "Origins whose pages may connect, such as https://app.example, separated by commas; empty allows all.",
        check=origins,
    )
    max_connections: int = option(
        100_000, "Realtime connections of this node; one more is a 503.", check=at_least(1)
    )

    def allowed_origins(self) -> frozenset[str]:
        """Return the origins of ``realtime_origins``."""
        return origins(self.realtime_origins)
