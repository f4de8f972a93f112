"""AvailablePhoneNumbers: the numbers of the inventory without an owner, by country and kind (2010 API)."""

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
from trunkline.core.storage.list_query import ListQuery, WalkResult
from trunkline.core.storage.walks import walk
from trunkline.products.messaging.numbers.inventory import Number, find_whole, national_form
from trunkline.products.messaging.numbers.number_types import NumberType
from trunkline.products.messaging.numbers.patterns import area_of, partial_number

_COUNTRY = re.compile(r"[A-Z]{2}")

_LISTS = {
    NumberType.LOCAL: ("local", "Local"),
    NumberType.MOBILE: ("mobile", "Mobile"),
    NumberType.TOLL_FREE: ("toll_free", "TollFree"),
    NumberType.NATIONAL: ("national", "National"),
}
"""The list of each kind: its name among a country's, and its path."""

_UNKNOWN = ("Voip", "SharedCost", "MachineToMachine")
"""Lists of kinds that the inventory does not distinguish: they are empty."""

_COUNTRIES = """
AE United Arab Emirates/AR Argentina/AT Austria/AU Australia/BE Belgium/BG Bulgaria/BR Brazil/CA Canada/CH Switzerland/
CL Chile/CN China/CO Colombia/CY Cyprus/CZ Czech Republic/DE Germany/DK Denmark/DO Dominican Republic/EC Ecuador/
EE Estonia/EG Egypt/ES Spain/FI Finland/FR France/GB United Kingdom/GH Ghana/GR Greece/HK Hong Kong/HR Croatia/
HU Hungary/ID Indonesia/IE Ireland/IL Israel/IN India/IS Iceland/IT Italy/JM Jamaica/JP Japan/KE Kenya/
KR South Korea/LT Lithuania/LU Luxembourg/LV Latvia/MO Macau/MT Malta/MX Mexico/MY Malaysia/NG Nigeria/
NL Netherlands/NO Norway/NZ New Zealand/PA Panama/PE Peru/PH Philippines/PK Pakistan/PL Poland/PR Puerto Rico/
PT Portugal/RO Romania/RS Serbia/SE Sweden/SG Singapore/SI Slovenia/SK Slovakia/TH Thailand/TN Tunisia/TR Turkey/
TW Taiwan/UA Ukraine/UG Uganda/US United States/VN Vietnam/ZA South Africa
"""

_COUNTRY_NAMES = {
    code: name for code, _, name in (one.partition(" ") for one in _COUNTRIES.replace("\n", "").split("/"))
}


def _flag() -> Parser:
    return Parser(boolean().parse, clears=True)


class AvailableFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Filters of list (spec). No number is in beta, can receive faxes or needs an address. The inventory has no
    coordinates, postal codes, rate centers and LATAs: filters for them are ignored."""

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
    """Return the capabilities, in capitals as in real responses; the document has lower case (doc)."""
    small = {"voice": number.voice, "sms": number.sms, "mms": number.mms, "fax": False}
    return {**small, "SMS": number.sms, "MMS": number.mms}


class AvailableNumber(msgspec.Struct, frozen=True):
    """A country with the kinds of numbers that can be bought there."""

    account_sid: str
    country: str
    kinds: frozenset[str]
    position: int = 0


class _Country(Row, frozen=True):
    country: str
    position: int
    local: bool
    mobile: bool
    toll_free: bool
    national: bool


def view(number: Number, urls: Urls) -> Json:
    """Return the AvailablePhoneNumber resource (spec)."""
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


_OFFERED = ListQuery("numbers", ("account_sid IS NULL", "country = :country", "kind = :kind"))
_AREA_DIGITS = 3
"""The digits of an area code by which an index has the numbers."""


async def page_available(
    tx: Tx, call: Call[AvailableFilters], kind: str
) -> list[Number] | WalkResult[Number] | None:
    """Return the numbers of a kind that can be bought, in the order in which they were added to the inventory
    (inferred). Return None for a text that is no country code."""
    params, country = call.input, call.path["CountryCode"]
    if not _COUNTRY.fullmatch(country):
        return None
    if params.fax_enabled is True or params.beta is True:
        return []
    values: dict[str, Any] = {"country": country, "kind": kind}
    indexed, checked = [], []
    if isinstance(params.area_code, int):
        values["area"] = f"+1{params.area_code}"
        if len(str(params.area_code)) == _AREA_DIGITS:
            indexed.append("substr(number, 1, 5) = :area")
        else:
            checked.append("number LIKE :area || '%' ESCAPE '!'")
    for name in ("locality", "region"):
        if isinstance(place := getattr(params, f"in_{name}"), str):
            values[name] = place
            indexed.append(f"{name} = :{name}")
    flags = (("sms", params.sms_enabled), ("mms", params.mms_enabled), ("voice", params.voice_enabled))
    checked += [name if flag else f"NOT {name}" for name, flag in flags if isinstance(flag, bool)]
    if isinstance(params.contains, str) and (whole := await find_whole(tx, params.contains, None)):
        values["whole"] = whole
        indexed.insert(0, "number = :whole")
    elif isinstance(params.contains, str):
        if start := area_of(params.contains, country):
            values["start"] = start
            indexed.insert(0, "substr(number, 1, 5) = :start")
        values["contains"] = params.contains
        checked.append("number LIKE :contains ESCAPE '!'")
    return await walk(tx, Number, _OFFERED.narrowed(indexed, checked), call.window.span, **values)


def country_view(offered: AvailableNumber, urls: Urls) -> Json:
    """Return the AvailablePhoneNumberCountry resource (spec): a list for each kind of number that the country has."""
    uri = f"/{urls.version}/Accounts/{offered.account_sid}/AvailablePhoneNumbers/{offered.country}"
    return {
        "country_code": offered.country,
        "country": _COUNTRY_NAMES.get(offered.country, offered.country),
        "uri": f"{uri}.json",
        "beta": False,
        "subresource_uris": {
            name: f"{uri}/{path}.json" for kind, (name, path) in _LISTS.items() if kind in offered.kinds
        },
    }


# The order names the index: for EXISTS alone PostgreSQL may read all numbers to find that there is none.
_HAS = "(SELECT n.kind FROM numbers n WHERE n.account_sid IS NULL AND n.country = found.country AND n.kind ="
_FIRST = "ORDER BY n.date_created, n.number LIMIT 1) IS NOT NULL"
_KINDS = f"""
SELECT country, CAST(0 AS BIGINT) AS position, {_HAS} 'local' {_FIRST} AS local, {_HAS} 'mobile' {_FIRST} AS mobile,
    {_HAS} 'toll-free' {_FIRST} AS toll_free, {_HAS} 'national' {_FIRST} AS national
"""
_NEXT = "SELECT n.country FROM numbers n WHERE n.account_sid IS NULL AND n.country >"
# From country to country along an index, whatever number of numbers each has.
_COUNTRIES = f"""
SELECT {columns(_Country)} FROM (
    WITH RECURSIVE found (country) AS (
        SELECT ({_NEXT} '' ORDER BY n.country LIMIT 1)
        UNION ALL
        SELECT ({_NEXT} found.country ORDER BY n.country LIMIT 1) FROM found WHERE found.country IS NOT NULL
    )
    {_KINDS} FROM found WHERE found.country IS NOT NULL
) countries
WHERE (local OR mobile OR toll_free OR national)
"""
_COUNTRY_FOUND = f"""
SELECT {columns(_Country)} FROM ({_KINDS} FROM (SELECT CAST(:country AS TEXT) AS country) found) countries
WHERE (local OR mobile OR toll_free OR national)
"""


async def page_countries(tx: Tx, call: Call[Empty]) -> list[AvailableNumber]:
    """Return the countries with numbers, by their codes."""
    found = await tx.all(_Country, f"{_COUNTRIES} {call.window.tail}", **call.window.values)
    return [_offered(call.account_sid, one) for one in found]


async def fetch_country(tx: Tx, call: Call[Empty]) -> AvailableNumber | None:
    """Return a country with numbers."""
    found = await tx.one(_Country, _COUNTRY_FOUND, country=call.path["CountryCode"])
    return None if found is None else _offered(call.account_sid, found)


def _offered(account_sid: str, country: _Country) -> AvailableNumber:
    kinds = (kind.value for kind, (name, _) in _LISTS.items() if getattr(country, name))
    return AvailableNumber(account_sid, country.country, frozenset(kinds))


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
