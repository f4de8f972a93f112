"""The options of retention: how long, and how much of, what Trunkline records is kept."""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.settings.option import option
from trunkline.settings.values import LARGEST, MAX_DAYS, between


@dataclass(frozen=True, kw_only=True)
class RetentionSettings:
    """The options of the table ``[retention]``. 0 is no limit."""

    webhook_log_megabytes: int = option(
        1024,
        "Megabytes of the newest attempts to deliver webhooks that are kept; 0 for no limit.",
        check=between(0, LARGEST),
    )
    alert_limit: int = option(
        100_000, "Newest alerts that are kept; 0 for no limit.", check=between(0, LARGEST)
    )
    message_days: int = option(
        0,
        "Days that finished messages are kept, unless their account has chosen its own; 0 keeps them.",
        check=between(0, MAX_DAYS),
    )
    media_days: int = option(
        0,
        "Days that attachments of finished messages are kept, unless their account has chosen its own; 0 keeps them.",
        check=between(0, MAX_DAYS),
    )
    message_part_days: int = option(
        7,
        "Days that the carriers' ids of sent segments are kept, by which receipts find their message;",
        "0 keeps them with their message.",
        check=between(0, MAX_DAYS),
    )
    sandbox_message_days: int = option(
        30,
        "Days that the inbox keeps what virtual phones received and sent; 0 keeps it.",
        check=between(0, MAX_DAYS),
    )
    sandbox_message_limit: int = option(
        100_000, "Newest messages of virtual phones that are kept; 0 for no limit.", check=between(0, LARGEST)
    )
    sticky_sender_days: int = option(
        365,
        "Days after the last message for which a Service remembers the sender of a recipient; 0 is for ever.",
        check=between(0, MAX_DAYS),
    )
    dead_job_days: int = option(
        365, "Days that dead jobs are kept for `trunkline jobs`; 0 keeps them.", check=between(0, MAX_DAYS)
    )
    closed_account_days: int = option(
        30,
        "Days after which all that a closed account has is removed; 0 keeps it.",
        check=between(0, MAX_DAYS),
    )
