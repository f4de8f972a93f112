"""The retention of Messaging's tables: those of messages, of what belongs to them, and of Services."""

from __future__ import annotations

from trunkline.core.storage.retention import DAY, AgeLimit, TableRetention
from trunkline.products.messaging.links import shortening
from trunkline.products.messaging.media import addresses
from trunkline.products.messaging.messages.old_messages import OLD_MEDIA, OLD_MESSAGES, remove_of_account
from trunkline.products.messaging.receiving.inbound import ID_LIFETIME
from trunkline.products.messaging.receiving.loop_guard import STALE
from trunkline.products.messaging.receiving.stored_cookies import COOKIE_LIFETIME
from trunkline.products.messaging.sending.receipt_handling import EARLY_RECEIPT_LIFETIME

UNUSED_LANE = 30 * DAY
"""The time after which the lane of a sender without messages goes; the next message makes it anew."""

_OF_ACCOUNT = "account_sid = :account_sid"

_MESSAGES = (
    TableRetention(table="message_queue", rule="until its message has left", key=("message_sid",)),
    TableRetention(
        table="message_parts",
        rule="with its message",
        key=("message_sid", "part"),
        limits=(
            AgeLimit(
                "date_created",
                "message_part_days",
                # Not EXISTS: PostgreSQL may read the whole queue for it.
                where="(SELECT q.message_sid FROM message_queue q"
                " WHERE q.message_sid = message_parts.message_sid) IS NULL",
            ),
        ),
    ),
    TableRetention(
        table="early_receipts",
        rule="until its message is found",
        key=("carrier", "id", "receipt"),
        limits=(AgeLimit("date_created", span=EARLY_RECEIPT_LIFETIME),),
    ),
    TableRetention(table="message_feedback", rule="with its message", key=("message_sid",)),
    TableRetention(table="message_media", rule="with its message", key=("sid",), limits=(OLD_MEDIA,)),
    TableRetention(
        table="media_links",
        rule="with its attachment",
        key=("code",),
        limits=(AgeLimit("date_created", span=addresses.LIFETIME),),
    ),
    TableRetention(
        table="messages",
        rule="until its account deletes it",
        key=("sid",),
        limits=(OLD_MESSAGES,),
        account=_OF_ACCOUNT,
        removes=remove_of_account,
    ),
    TableRetention(
        table="account_retention", rule="with its account", key=("account_sid",), account=_OF_ACCOUNT
    ),
    TableRetention(
        table="message_lanes",
        key=("lane",),
        limits=(
            AgeLimit(
                "last_used",
                span=UNUSED_LANE,
                where="queued = 0 AND holder IS NULL",
                after=" after its sender's last message",
            ),
        ),
        account=_OF_ACCOUNT,
    ),
    TableRetention(
        table="inbound_ids",
        key=("carrier", "id"),
        limits=(AgeLimit("date_created", span=ID_LIFETIME),),
    ),
    TableRetention(
        table="webhook_cookies",
        key=("account_sid", "sender", "recipient"),
        limits=(AgeLimit("last_used", span=COOKIE_LIFETIME, after=" after its last use"),),
        account=_OF_ACCOUNT,
    ),
    TableRetention(
        table="reply_exchanges",
        key=("account_sid", "sender", "recipient"),
        limits=(AgeLimit("last", span=STALE, after=" after the last reply"),),
        account=_OF_ACCOUNT,
    ),
)

_SERVICES = (
    TableRetention(table="messaging_senders", rule="while it is in the pool", key=("sid",)),
    TableRetention(
        table="sticky_senders",
        rule="while its sender is in the pool",
        key=("service_sid", "channel", "recipient"),
        limits=(
            # A server of the version before writes rows without the time of their use.
            AgeLimit(
                "last_used",
                "sticky_sender_days",
                where="date_created < :before",
                after=" after the last message",
            ),
        ),
    ),
    TableRetention(table="advanced_opt_outs", rule="with its Service", key=("service_sid",)),
    TableRetention(table="a2p_vettings", rule="with its brand", key=("sid",)),
    TableRetention(table="a2p_campaigns", rule="until its account deletes it, or its Service", key=("sid",)),
    TableRetention(
        table="a2p_campaign_minutes", rule="with its campaign, which has one", key=("campaign_sid",)
    ),
    TableRetention(table="a2p_brand_days", rule="with its brand, which has one", key=("brand_sid",)),
    TableRetention(
        table="messaging_services",
        rule="until its account deletes it",
        key=("sid",),
        account=_OF_ACCOUNT,
        children=(("messaging_senders", "service_sid"), ("sticky_senders", "service_sid")),
    ),
    TableRetention(
        table="a2p_brands",
        rule="with its account: a registration is evidence",
        key=("sid",),
        account=_OF_ACCOUNT,
        children=(("a2p_vettings", "brand_sid"), ("a2p_campaigns", "brand_sid")),
    ),
    TableRetention(
        table="tollfree_verifications",
        rule="until its account deletes it",
        key=("sid",),
        account=_OF_ACCOUNT,
    ),
    TableRetention(
        table="opt_outs",
        rule="for ever: what a recipient has decided has no end; those of a closed account go with it",
        key=("account_sid", "scope", "recipient"),
        account=_OF_ACCOUNT,
    ),
    TableRetention(
        table="deactivated_numbers",
        rule="until the operator removes it",
        key=("account_sid", "day", "number"),
        account=_OF_ACCOUNT,
    ),
    TableRetention(
        table="short_links",
        rule="with its domain",
        key=("domain_sid", "code"),
        limits=(AgeLimit("date_created", span=shortening.LIFETIME),),
    ),
    TableRetention(table="link_domain_services", rule="with its Service or domain", key=("service_sid",)),
    TableRetention(
        table="link_domains",
        rule="until its account deletes it",
        key=("sid",),
        account=_OF_ACCOUNT,
        children=(("short_links", "domain_sid"), ("link_domain_services", "domain_sid")),
    ),
    TableRetention(
        table="numbers",
        rule="until the operator removes it",
        key=("number",),
        account=_OF_ACCOUNT,
        released="UPDATE numbers SET account_sid = NULL, sid = NULL, friendly_name = '', settings = '{}',"
        " sms_application_sid = NULL, voice_application_sid = NULL, date_updated = :now",
    ),
    TableRetention(
        table="applications", rule="until its account deletes it", key=("sid",), account=_OF_ACCOUNT
    ),
)

RETENTION = _MESSAGES + _SERVICES
