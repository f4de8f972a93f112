"""The options of webhooks and of outgoing requests."""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.settings.option import option
from trunkline.settings.values import MAX_DAYS, Networks, between, certificate_file, networks, retry_delays


@dataclass(frozen=True, kw_only=True)
class WebhookSettings:
    """The options of the table ``[webhooks]``."""

    webhook_retry_schedule: str = option(
        "",
        "Delays in seconds before a failed webhook is retried, separated by commas, such as",
        "60,600,3600; after the last it is a dead job. Empty: the attempts that its URL requests.",
        check=retry_delays,
    )
    webhook_log_days: int = option(
        30,
        "Days that attempts to deliver webhooks are kept for /_trunkline/webhooks.",
        check=between(1, MAX_DAYS),
    )
    webhook_networks: str = option(
        "",
        "Networks that webhooks may reach although they are not public, such as 10.1.0.0/16, separated by commas.",
        check=networks,
    )
    egress_ca_file: str = option(
        "",
        "File with the certificates that outgoing requests trust (PEM), in place of the system's.",
        check=certificate_file,
    )

    def retry_delays(self) -> tuple[float, ...]:
        """Return the seconds of ``webhook_retry_schedule``."""
        return retry_delays(self.webhook_retry_schedule)

    def reachable_networks(self) -> Networks:
        """Return the networks of ``webhook_networks``."""
        return networks(self.webhook_networks)
