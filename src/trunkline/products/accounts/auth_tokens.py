"""AuthTokens (accounts v1): a secondary auth token, and its promotion.

Both tokens authenticate until the promotion; then the secondary one is the primary, signs webhooks at once, and the
old one is void (doc).
"""

from __future__ import annotations

import msgspec

from trunkline.api.operation import Call, Empty, create, delete, update
from trunkline.api.principal import Access
from trunkline.api.views import Json, Urls
from trunkline.core.dates import iso
from trunkline.core.sids import new_token
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.products.accounts.store import change_account, token_label


class SecondaryToken(Row, frozen=True):
    """A row of ``secondary_auth_tokens``."""

    account_sid: str
    auth_token: bytes
    date_created: int
    date_updated: int


class ReadableToken(msgspec.Struct, frozen=True):
    """A token in clear, for the response that shows it."""

    row: SecondaryToken
    token: str


def secondary_view(shown: ReadableToken, urls: Urls) -> Json:
    """Return the response to the creation of a secondary token (spec)."""
    return {
        "account_sid": shown.row.account_sid,
        "date_created": iso(shown.row.date_created),
        "date_updated": iso(shown.row.date_updated),
        "secondary_auth_token": shown.token,
        "url": urls.to("AuthTokens", "Secondary"),
    }


def promoted_view(shown: ReadableToken, urls: Urls) -> Json:
    """Return the response to a promotion (spec)."""
    return {
        "account_sid": shown.row.account_sid,
        "auth_token": shown.token,
        "date_created": iso(shown.row.date_created),
        "date_updated": iso(shown.row.date_updated),
        "url": urls.to("AuthTokens", "Promote"),
    }


async def create_secondary(tx: Tx, call: Call[Empty]) -> ReadableToken:
    """Make the account's secondary token; one that is there already is replaced (inferred)."""
    token = new_token()
    row = SecondaryToken(
        call.account_sid, call.vault.seal(token_label(call.account_sid), token), tx.now, tx.now
    )
    await tx.lock(f"account {call.account_sid}")
    await remove_secondary(tx, call.account_sid)
    await tx.insert("secondary_auth_tokens", row)
    return ReadableToken(row, token)


async def promote(tx: Tx, call: Call[Empty]) -> ReadableToken | None:
    """Make the secondary token the primary one."""
    await tx.lock(f"account {call.account_sid}")
    row = await tx.one(
        SecondaryToken,
        f"SELECT {columns(SecondaryToken)} FROM secondary_auth_tokens WHERE account_sid = :account_sid",
        account_sid=call.account_sid,
    )
    if row is None:
        return None
    await change_account(tx, call.account_sid, {"auth_token": row.auth_token})
    await remove_secondary(tx, call.account_sid)
    token = call.vault.open(token_label(call.account_sid), row.auth_token)
    return ReadableToken(msgspec.structs.replace(row, date_updated=tx.now), token)


async def delete_secondary(tx: Tx, call: Call[Empty]) -> bool:
    """Remove the secondary token."""
    return await remove_secondary(tx, call.account_sid)


async def remove_secondary(tx: Tx, account_sid: str) -> bool:
    """Revoke the account's secondary token; return whether there was one."""
    return bool(
        await tx.run(
            "DELETE FROM secondary_auth_tokens WHERE account_sid = :account_sid", account_sid=account_sid
        )
    )


OPERATIONS = (
    create("/AuthTokens/Secondary", create_secondary, secondary_view, Empty, access=Access.MAIN),
    update("/AuthTokens/Promote", promote, promoted_view, Empty, access=Access.MAIN),
    delete("/AuthTokens/Secondary", delete_secondary, access=Access.MAIN),
)
