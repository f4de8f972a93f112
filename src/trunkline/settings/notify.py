"""The options of Notify."""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.settings.option import option
from trunkline.settings.values import at_least


@dataclass(frozen=True, kw_only=True)
class NotifySettings:
    """The options of the table ``[notify]``."""

    max_notify_services: int = option(10, "Notify Services per account.", check=at_least(1))
