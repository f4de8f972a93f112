"""Names of the countries in which numbers are had. Pure."""

from __future__ import annotations

_NAMES = """
AE United Arab Emirates/AR Argentina/AT Austria/AU Australia/BE Belgium/BG Bulgaria/BR Brazil/CA Canada/CH Switzerland/
CL Chile/CN China/CO Colombia/CY Cyprus/CZ Czech Republic/DE Germany/DK Denmark/DO Dominican Republic/EC Ecuador/
EE Estonia/EG Egypt/ES Spain/FI Finland/FR France/GB United Kingdom/GH Ghana/GR Greece/HK Hong Kong/HR Croatia/
HU Hungary/ID Indonesia/IE Ireland/IL Israel/IN India/IS Iceland/IT Italy/JM Jamaica/JP Japan/KE Kenya/
KR South Korea/LT Lithuania/LU Luxembourg/LV Latvia/MO Macau/MT Malta/MX Mexico/MY Malaysia/NG Nigeria/
NL Netherlands/NO Norway/NZ New Zealand/PA Panama/PE Peru/PH Philippines/PK Pakistan/PL Poland/PR Puerto Rico/
PT Portugal/RO Romania/RS Serbia/SE Sweden/SG Singapore/SI Slovenia/SK Slovakia/TH Thailand/TN Tunisia/TR Turkey/
TW Taiwan/UA Ukraine/UG Uganda/US United States/VN Vietnam/ZA South Africa
"""

NAMES = {code: name for code, _, name in (one.partition(" ") for one in _NAMES.replace("\n", "").split("/"))}
"""The names by ISO code."""


def name_of(country: str) -> str:
    """The English name of a country; its code where none is known here."""
    return NAMES.get(country, country)
