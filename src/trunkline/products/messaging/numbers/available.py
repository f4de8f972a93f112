"""AvailablePhoneNumbers: the numbers of the inventory that nobody has, by country and kind (2010 API)."""

from __future__ import annotations

import re
from functools import partial
from typing import Annotated, Any

import msgspec
from msgspec import UNSET

from trunkline.api.operation import Call, Empty, Operation, fetch, listing
from trunkline.api.paging import Order
from trunkline.api.params import Given, Parser, boolean, integer, text
from trunkline.api.views import Json, Urls
from trunkline.core.storage.database import Row, Tx, columns
from trunkline.products.messaging.numbers.countries import name_of
from trunkline.products.messaging.numbers.inventory import Number, national_form
from trunkline.products.messaging.numbers.kinds import Kind
from trunkline.products.messaging.numbers.patterns import partial_number

_COUNTRY = re.compile(r"[A-Z]{2}")

_LISTS = {
    Kind.LOCAL: ("local", "Local"),
    Kind.MOBILE: ("mobile", "Mobile"),
    Kind.TOLL_FREE: ("toll_free", "TollFree"),
    Kind.NATIONAL: ("national", "National"),
}
"""The list of each kind: its name among a country's, and its path."""

_UNKNOWN = ("Voip", "SharedCost", "MachineToMachine")
"""Lists of kinds that the inventory does not tell apart: they are empty."""


def _flag() -> Parser:
    return Parser(boolean().parse, clears=True)


class AvailableFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Filters of list (spec). No number is in beta, can take faxes or needs an address. The inventory knows no
    coordinates, postal codes, rate centers and LATAs: what asks for them is ignored."""

    area_code: Annotated[Given[int], integer(0, 999)] = UNSET
    contains: Annotated[Given[str | None], partial_number()] = UNSET
    sms_enabled: Annotated[Given[bool | None], _flag()] = UNSET
    mms_enabled: Annotated[Given[bool | None], _flag()] = UNSET
    voice_enabled: Annotated[Given[bool | None], _flag()] = UNSET
    fax_enabled: Annotated[Given[bool | None], _flag()] = UNSET
    beta: Annotated[Given[bool | None], _flag()] = UNSET
    in_region: Annotated[Given[str | None], text(clears=True)] = UNSET
    in_locality: Annotated[Given[str | None], text(clears=True)] = UNSET


def _capabilities(number: Number) -> dict[str, bool]:
    """The document writes them small; real answers have capitals (doc)."""
    small = {"voice": number.voice, "sms": number.sms, "mms": number.mms, "fax": False}
    return {**small, "SMS": number.sms, "MMS": number.mms}


class Offered(msgspec.Struct, frozen=True):
    """A country, as an account is told of it, with the kinds of numbers that can be bought there."""

    account_sid: str
    country: str
    kinds: frozenset[str]
    position: int = 0


class _Country(Row, frozen=True):
    country: str
    position: int


class _Kind(Row, frozen=True):
    kind: str


def view(number: Number, urls: Urls) -> Json:
    """The AvailablePhoneNumber resource (spec)."""
    return {
        "friendly_name": national_form(number.number),
        "phone_number": number.number,
        "lata": None,
        "locality": number.locality or None,
        "rate_center": None,
        "latitude": None,
        "longitude": None,
        "region": number.region or None,
        "postal_code": None,
        "iso_country": number.country,
        "address_requirements": "none",
        "beta": False,
        "capabilities": _capabilities(number),
    }


_SELECT = f"""
SELECT {columns(Number)} FROM numbers
WHERE account_sid IS NULL AND country = :country AND kind = :kind
    AND number LIKE :area ESCAPE '!' AND number LIKE :contains ESCAPE '!'
    AND (sms = :sms OR :any_sms) AND (mms = :mms OR :any_mms) AND (voice = :voice OR :any_voice)
    AND (region = :region OR :any_region) AND (locality = :locality OR :any_locality)
"""


async def page_available(tx: Tx, call: Call[AvailableFilters], kind: str) -> list[Number] | None:
    """The numbers of a kind that can be bought, in the order in which they came into the inventory (inferred). None
    for what cannot be a country."""
    asked, country = call.input, call.path["CountryCode"]
    if not _COUNTRY.fullmatch(country):
        return None
    if asked.fax_enabled is True or asked.beta is True:
        return []
    values: dict[str, Any] = {
        "country": country,
        "kind": kind,
        "area": "%" if asked.area_code is UNSET else f"+1{asked.area_code}%",
        "contains": asked.contains or "%",
    }
    for name in ("sms", "mms", "voice"):
        flag = getattr(asked, f"{name}_enabled")
        values |= {name: flag is True, f"any_{name}": not isinstance(flag, bool)}
    for name in ("region", "locality"):
        place = getattr(asked, f"in_{name}")
        values |= {name: place or "", f"any_{name}": not isinstance(place, str)}
    return await tx.all(Number, f"{_SELECT} {call.window.tail}", **values, **call.window.values)


def country_view(offered: Offered, urls: Urls) -> Json:
    """The AvailablePhoneNumberCountry resource (spec): a list for each kind of number that the country has."""
    uri = f"/{urls.version}/Accounts/{offered.account_sid}/AvailablePhoneNumbers/{offered.country}"
    return {
        "country_code": offered.country,
        "country": name_of(offered.country),
        "uri": f"{uri}.json",
        "beta": False,
        "subresource_uris": {
            name: f"{uri}/{path}.json" for kind, (name, path) in _LISTS.items() if kind in offered.kinds
        },
    }


_COUNTRIES = """
SELECT country, position FROM (
    SELECT DISTINCT country, CAST(0 AS BIGINT) AS position FROM numbers
    WHERE account_sid IS NULL AND kind <> 'short-code' AND kind <> 'channel' AND country <> ''
) countries
WHERE (country = :country OR :any_country)
"""
_KINDS = """
SELECT DISTINCT kind FROM numbers WHERE account_sid IS NULL AND country = :country
"""


async def page_countries(tx: Tx, call: Call[Empty]) -> list[Offered]:
    """The countries of which there are numbers, by their codes."""
    found = await tx.all(
        _Country,
        f"{_COUNTRIES} {call.window.tail}",
        country="",
        any_country=True,
        **call.window.values,
    )
    return [await _offered(tx, call.account_sid, one) for one in found]


async def fetch_country(tx: Tx, call: Call[Empty]) -> Offered | None:
    """A country of which there are numbers."""
    found = await tx.one(_Country, _COUNTRIES, country=call.path["CountryCode"], any_country=False)
    return None if found is None else await _offered(tx, call.account_sid, found)


async def _offered(tx: Tx, account_sid: str, country: _Country) -> Offered:
    kinds = await tx.all(_Kind, _KINDS, country=country.country)
    return Offered(account_sid, country.country, frozenset(one.kind for one in kinds))


_PATH = "/Accounts/{AccountSid}/AvailablePhoneNumbers"
_ONE = f"{_PATH}/{{CountryCode}}"


def _list_of(path: str, kind: str) -> Operation:
    paging: Any = partial(page_available, kind=kind)
    order = Order("date_created", "number")
    return listing(
        f"{_ONE}/{path}", "available_phone_numbers", paging, view, input=AvailableFilters, order=order
    )


OPERATIONS = (
    listing(_PATH, "countries", page_countries, country_view, order=Order("position", "country")),
    fetch(_ONE, fetch_country, country_view),
    *(_list_of(path, kind) for kind, (_, path) in _LISTS.items()),
    *(_list_of(path, path) for path in _UNKNOWN),
)
