"""``trunkline token``: checks of access tokens, and new tokens for development."""

from __future__ import annotations

import json
import sys
from enum import Enum
from typing import Annotated, Any

import msgspec
import typer

from trunkline.app.products import products, service_finders
from trunkline.cli.errors import fail
from trunkline.cli.open_database import with_database
from trunkline.cli.options import DATA, with_settings
from trunkline.cli.printing import AsJson, print_json, print_pairs, printable
from trunkline.core import access_tokens
from trunkline.core.access_tokens import Grant, GrantName, InvalidToken, Rule, Token
from trunkline.core.clock import SECOND
from trunkline.core.dates import iso
from trunkline.core.secrets import Vault
from trunkline.core.storage.database import Database, NeedsWrite, Tx
from trunkline.products.accounts.token_issuers import Finders, check_token, sign_token
from trunkline.products.manifest import ServiceFinder
from trunkline.settings import Settings

app = typer.Typer(
    no_args_is_help=True, help="Check access tokens, and create them, while the server runs or not."
)

_CLAIMS = (("iss", "Key"), ("sub", "Account"), ("iat", "Issued"), ("nbf", "Begins"), ("exp", "Ends"))
_LONGEST = 300
_STDIN = "-"


class TokenProduct(Enum):
    """The products that tokens give access to."""

    SYNC = "sync"
    CHAT = "chat"

    @property
    def grant(self) -> GrantName:
        """The name of the product's grant."""
        return GrantName.DATA_SYNC if self is TokenProduct.SYNC else GrantName.CHAT


class TokenCheck(msgspec.Struct, frozen=True):
    """The outcome of the check of a token for ``product``, at ``now``."""

    product: str
    now: int
    grant: Grant | None = None
    refused: InvalidToken | None = None


@app.command("check")
@with_settings(*DATA)
def check(
    settings: Settings,
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="The token; - reads it from standard input.")],
    product: Annotated[
        TokenProduct | None,
        typer.Option(
            help="The product to check for; by default every product that the token has a grant for."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the content of a token, and whether a client with it is accepted. The exit code is 1 if not."""
    text = (sys.stdin.read() if token == _STDIN else token).strip()
    finders = _finders(settings)
    parsed, checks = with_database(
        settings, lambda database, vault: _check_products(database, vault, finders, text, product)
    )
    if as_json:
        print_json({"claims": parsed and _claims(parsed), "verdicts": [_described(one) for one in checks]})
    else:
        shown = _shown(parsed, checks[0].now) if parsed else {}
        print_pairs({**shown, **{f"For {one.product}": _outcome(one) for one in checks}})
    if any(one.refused for one in checks):
        raise typer.Exit(1)


@app.command("create")
@with_settings(*DATA)
def create(
    settings: Settings,
    key: Annotated[str, typer.Option(metavar="SID", help="The signing key, SK…; not a restricted one.")],
    identity: Annotated[str, typer.Option(help="The client's identity, 1 to 256 characters.")],
    service: Annotated[
        str, typer.Option(metavar="SID", help="The Service, IS…; for Sync also the word default.")
    ] = access_tokens.DEFAULT_SERVICE,
    product: Annotated[TokenProduct, typer.Option(help="The product of the Service.")] = TokenProduct.SYNC,
    ttl: Annotated[
        int, typer.Option(min=1, max=access_tokens.MAX_LIFETIME, help="Lifetime in seconds.")
    ] = 3600,
) -> None:
    """Print an access token for development, signed with a stored key. Apps create theirs with an SDK."""
    grants = {"identity": identity, product.grant.value: {"service_sid": service}}
    finders = _finders(settings)

    async def make(database: Database, vault: Vault) -> tuple[str, TokenCheck]:
        async def signed(tx: Tx) -> str:
            return await sign_token(tx, vault, key, grants, ttl)

        text = await database.read(signed)
        return text, await _check(database, vault, finders, text, product)

    try:
        text, outcome = with_database(settings, make)
    except InvalidToken as refused:
        raise fail(str(refused)) from None
    if outcome.refused:
        raise fail(str(outcome.refused))
    typer.echo(text)


async def _check_products(
    database: Database, vault: Vault, finders: Finders, text: str, product: TokenProduct | None
) -> tuple[Token | None, list[TokenCheck]]:
    try:
        parsed = access_tokens.parse(text)
    except InvalidToken:
        parsed = None
    wanted = [product] if product else _products(parsed)
    return parsed, [await _check(database, vault, finders, text, one) for one in wanted]


def _products(token: Token | None) -> list[TokenProduct]:
    """Return the products that a token has grants for, or Sync if there are none, for an error with that reason."""
    grants = token.payload.get("grants") if token else None
    named = {name.product for name in GrantName if isinstance(grants, dict) and name.value in grants}
    return [product for product in TokenProduct if product.grant.product in named] or [TokenProduct.SYNC]


async def _check(
    database: Database, vault: Vault, finders: Finders, text: str, product: TokenProduct
) -> TokenCheck:
    async def check_in(tx: Tx) -> TokenCheck:
        try:
            grant = await check_token(tx, vault, finders, text, product.grant.value)
        except InvalidToken as refused:
            return TokenCheck(product.value, tx.now, refused=refused)
        return TokenCheck(product.value, tx.now, grant)

    return await database.read(check_in)


def _finders(settings: Settings) -> Finders:
    """Return the finders of the products' Services, for transactions that only read."""
    return {grant: _reading(find) for grant, find in service_finders(products(settings)).items()}


def _reading(find: ServiceFinder) -> ServiceFinder:
    async def find_or_describe(tx: Tx, account_sid: str, name: str) -> str | None:
        try:
            return await find(tx, account_sid, name)
        except NeedsWrite:
            return f"{name}, which is made with its first use"

    return find_or_describe


def _claims(token: Token) -> msgspec.Raw:
    # The standard library writes integers of any size, and a token may hold them.
    return msgspec.Raw(json.dumps({"header": token.header, "payload": token.payload}).encode())


def _shown(token: Token, now: int) -> dict[str, str]:
    """Return the content of a token for people, without the signature."""
    shown = {"Header": _text(token.header)}
    for claim, label in _CLAIMS:
        if claim in token.payload:
            value = token.payload[claim]
            shown[label] = _text(value) if claim in ("iss", "sub") else _time(value, now)
    grants = token.payload.get("grants")
    if not isinstance(grants, dict):
        return {**shown, "Grants": _text(grants)}
    for name, value in grants.items():
        label = "Identity" if name == "identity" else printable(f"Grant {_text(name)}")
        shown[label] = _text(value)
    return shown


def _time(value: Any, now: int) -> str:
    if not access_tokens.is_time(value):
        return f"{_text(value)}, which is no time"
    away = value - now // SECOND
    return f"{iso(value * SECOND)} ({abs(away)} s {'ago' if away < 0 else 'from now'})"


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _outcome(check: TokenCheck) -> str:
    if check.refused:
        return f"refused: {check.refused}"
    assert check.grant is not None
    section = check.grant.services[TokenProduct(check.product).grant.value]
    return f"accepted, for the Service {section}"


def _described(check: TokenCheck) -> dict[str, Any]:
    """Return a check as JSON."""
    described: dict[str, Any] = {"product": check.product, "accepted": check.refused is None}
    if check.refused:
        rule: Rule = check.refused.rule
        return {
            **described,
            "rule": rule.name.lower(),
            "code": rule.code,
            "description": rule.description,
            "reason": check.refused.reason,
        }
    assert check.grant is not None
    return {
        **described,
        "account_sid": check.grant.account_sid,
        "key_sid": check.grant.key_sid,
        "identity": check.grant.identity,
        "service_sid": check.grant.services[TokenProduct(check.product).grant.value],
        "expires_at": iso(check.grant.expires_at),
    }
