"""The locality of a number of the United States or Canada: city and state, for the inbound webhook. Pure.

The names are read from the text files of the numbering library. Loading them by the library takes seconds and 190
MB, since it has the places of the whole world in all languages; the part read here takes 30 ms and 6 MB, once, with
the first inbound message. Numbers of other countries have a country only: most of their messages come from mobile
numbers, which have no locality.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

import msgspec

from trunkline.products.messaging.numbers.parsing import area_code_of, region_of

_ENTRY = re.compile(r"^ '(\d+)':\{'en': (u\()?'(.*?)'", re.MULTILINE)
_CITY_AND_STATE = re.compile(r"(.+), ([A-Z]{2})")

_STATES = {
    name: code
    for one in (
        "AB Alberta/AK Alaska/AL Alabama/AR Arkansas/AZ Arizona/BC British Columbia/BC British Colombia/CA California",
        "CO Colorado/CT Connecticut/DC Washington D.C./DE Delaware/FL Florida/GA Georgia/HI Hawaii/IA Iowa/ID Idaho",
        "IL Illinois/IN Indiana/KS Kansas/KY Kentucky/LA Louisiana/MA Massachusetts/MB Manitoba/MD Maryland/ME Maine",
        "MI Michigan/MN Minnesota/MO Missouri/MS Mississippi/MT Montana/NB New Brunswick/NC North Carolina",
        "ND North Dakota/NE Nebraska/NH New Hampshire/NJ New Jersey/NL Newfoundland and Labrador/NM New Mexico",
        "NS Nova Scotia/NV Nevada/NY New York/OH Ohio/OK Oklahoma/ON Ontario/OR Oregon/PA Pennsylvania/QC Quebec",
        "PE Prince Edward Island/RI Rhode Island/SC South Carolina/SD South Dakota/SK Saskatchewan/TN Tennessee",
        "TX Texas/UT Utah/VA Virginia/VT Vermont/WA Washington State/WI Wisconsin/WV West Virginia/WY Wyoming",
    )
    for code, _, name in (state.partition(" ") for state in one.split("/"))
}


class Locality(msgspec.Struct, frozen=True):
    """City in capitals, code of the state or province, ISO code of the country; empty if unknown."""

    city: str = ""
    state: str = ""
    country: str = ""


def locality_of(number: str) -> Locality:
    """Return the locality of ``number``, in E.164; all of it is empty for a text that is no number."""
    country = region_of(number)
    if area_code_of(number) is None:
        return Locality(country=country)
    names = _names()
    city = state = ""
    # From an exchange of seven digits to an area code of four: the first name is the most exact one.
    for length in range(8, 4, -1):
        name = names.get(number[1:length], "")
        found = _CITY_AND_STATE.fullmatch(name)
        city, state = (found[1].upper(), found[2]) if found else ("", _STATES.get(name, ""))
        if state:
            break
    return Locality(city, state, country)


@cache
def _names() -> dict[str, str]:
    """Return the names by the leading digits of numbers in North America. The files are in the order of those
    digits."""
    folder = files("phonenumbers") / "geodata"
    names: dict[str, str] = {}
    shared: dict[str, str] = {}
    number = 0
    while True:
        file = folder / f"data{number}.py"
        entries = _ENTRY.findall(file.read_text("utf-8")) if file.is_file() else []
        if not entries or not entries[0][0].startswith("1"):
            break
        for digits, escaped, name in entries:
            if digits.startswith("1"):
                known = name.encode().decode("unicode_escape") if escaped else name
                names[digits] = shared.setdefault(known, known)
        number += 1
    return names
