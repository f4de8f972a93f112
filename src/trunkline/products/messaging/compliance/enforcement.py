"""Enforcement of the US carriers' rules: unregistered, suspended or unverified senders, and caps.

The operator enables each rule; without one nothing is read. Messages that the carriers of the real service reject
on their side are rejected here before they are sent (inferred from doc).
"""

from __future__ import annotations

import msgspec

from trunkline.core.clock import SECOND, has_passed
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.compliance import brands, campaigns, limits, tollfree
from trunkline.products.messaging.compliance.brands import Brand
from trunkline.products.messaging.compliance.campaigns import Campaign
from trunkline.products.messaging.numbers.owned_numbers import OwnedNumber

RATE, DAILY = 30022, 30023
UNVERIFIED_TOLLFREE = 30032
SUSPENDED, UNREGISTERED, CONFIGURING = 30033, 30034, 30035

TOLL_FREE = "toll-free"
LONG_CODES = ("local", "mobile", "national")

_MINUTE = 60 * SECOND
_DAY = 24 * 60 * _MINUTE


class Enforcement(msgspec.Struct, frozen=True, kw_only=True):
    """The rules that the operator enabled. ``a2p``: messages from US long codes to the US need a verified campaign.
    ``caps``: its rate and its brand's daily number of messages are enforced, too. ``number_minutes``: the time for
    which a number is still being registered after it was added to a Service. ``tollfree``: toll-free numbers need a
    verification to send to the US and Canada."""

    a2p: bool = False
    caps: bool = False
    number_minutes: int = 0
    tollfree: bool = False


async def enforcement_error(
    tx: Tx,
    account_sid: str,
    service_sid: str | None,
    sender: OwnedNumber | None,
    recipient_country: str,
    enforcement: Enforcement,
) -> int | None:
    """Return the error code with which a message fails, None if the rules allow it. Call it once for each message,
    since it counts the message against the caps. ``sender`` is None for a text, which is no number of the account.
    """
    if sender is None:
        return None
    if sender.kind == TOLL_FREE:
        bound = enforcement.tollfree and recipient_country in ("US", "CA")
        if bound and not await tollfree.is_verified(tx, account_sid, sender.number):
            return UNVERIFIED_TOLLFREE
        return None
    domestic = sender.kind in LONG_CODES and sender.country == "US" and recipient_country == "US"
    if not enforcement.a2p or not domestic:
        return None
    campaign = await campaigns.campaign_of_service(tx, account_sid, service_sid) if service_sid else None
    if campaign is None or service_sid is None:
        return UNREGISTERED
    return await _campaign_error(tx, campaign, sender, enforcement)


async def _campaign_error(
    tx: Tx, campaign: Campaign, sender: OwnedNumber, enforcement: Enforcement
) -> int | None:
    brand = (
        await brands.find_brand(tx, campaign.account_sid, campaign.brand_sid) if campaign.brand_sid else None
    )
    if campaign.status == campaigns.SUSPENDED or (brand and brand.status == brands.SUSPENDED):
        return SUSPENDED
    if not campaign.registers:
        return UNREGISTERED
    if enforcement.number_minutes and await _is_new(tx, campaign, sender, enforcement.number_minutes):
        return CONFIGURING
    return await _cap_error(tx, campaign, brand) if enforcement.caps else None


async def _is_new(tx: Tx, campaign: Campaign, sender: OwnedNumber, minutes: int) -> bool:
    added: int | None = await tx.value(
        "SELECT date_created FROM live_messaging_senders"
        " WHERE sid = :sid AND service_sid = :service_sid AND account_sid = :account_sid",
        sid=sender.sid,
        service_sid=campaign.service_sid,
        account_sid=campaign.account_sid,
    )
    return added is not None and not has_passed(added, minutes * _MINUTE, tx.now)


async def _cap_error(tx: Tx, campaign: Campaign, brand: Brand | None) -> int | None:
    """Count a message; return the code of the cap that it exceeds. A campaign without a brand here has no caps."""
    known = campaigns.limits_of(campaign, brand)
    if brand is None or known is None:
        return None
    # A transaction may count messages of several campaigns, between other rows that it shares: in any order.
    await tx.lock(f"caps of {brand.sid}")
    if await _in_minute(tx, campaign) > known.per_minute:
        return RATE
    if await _in_day(tx, brand) > limits.daily_cap(brand.brand_type, brand.brand_score):
        return DAILY
    return None


async def _in_minute(tx: Tx, campaign: Campaign) -> int:
    counted: int = await tx.value(
        "INSERT INTO a2p_campaign_minutes (campaign_sid, minute, messages) VALUES (:sid, :period, 1)"
        " ON CONFLICT (campaign_sid) DO UPDATE SET minute = excluded.minute,"
        " messages = CASE WHEN a2p_campaign_minutes.minute = excluded.minute"
        " THEN a2p_campaign_minutes.messages + 1 ELSE 1 END RETURNING messages",
        sid=campaign.sid,
        period=tx.now // _MINUTE,
    )
    return counted


async def _in_day(tx: Tx, brand: Brand) -> int:
    counted: int = await tx.value(
        "INSERT INTO a2p_brand_days (brand_sid, day, messages) VALUES (:sid, :period, 1)"
        " ON CONFLICT (brand_sid) DO UPDATE SET day = excluded.day,"
        " messages = CASE WHEN a2p_brand_days.day = excluded.day"
        " THEN a2p_brand_days.messages + 1 ELSE 1 END RETURNING messages",
        sid=brand.sid,
        period=tx.now // _DAY,
    )
    return counted


async def registered(tx: Tx, account_sid: str, service_sid: str) -> bool:
    """Return whether a Service has a verified campaign that is no mock one."""
    campaign = await campaigns.campaign_of_service(tx, account_sid, service_sid)
    return campaign is not None and campaign.registers
