"""The places of numbers. The names are the numbering library's, which changes; these have stood for long."""

from __future__ import annotations

import pytest

from trunkline.products.messaging.numbers import localities
from trunkline.products.messaging.numbers.localities import Locality, locality_of


@pytest.mark.parametrize(
    ("number", "place"),
    [
        ("+14155550100", Locality("SAN FRANCISCO", "CA", "US")),
        ("+12125550100", Locality("NEW YORK", "NY", "US")),
        ("+12025550100", Locality("", "DC", "US")),
        ("+19075550100", Locality("", "AK", "US")),
        ("+14165550100", Locality("", "ON", "CA")),
        ("+16045550100", Locality("", "BC", "CA")),
        # Letters beyond ASCII.
        ("+14182530100", Locality("VALLÉE-JONCTION", "QC", "CA")),
        ("+18005551212", Locality("", "", "US")),
        ("+15005550006", Locality("", "", "US")),
        ("+15555555555", Locality("", "", "US")),
        ("+17875550100", Locality("", "", "PR")),
        ("+442079460000", Locality("", "", "GB")),
        ("whatsapp:+447400123456", Locality("", "", "GB")),
        ("62345", Locality()),
        ("Acme", Locality()),
        ("", Locality()),
    ],
)
def test_places(number: str, place: Locality) -> None:
    assert locality_of(number) == place


def test_an_area_code_without_a_name_has_its_country_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(localities, "_names", dict)
    assert locality_of("+14155550100") == Locality("", "", "US")


def test_most_area_codes_have_a_state() -> None:
    numbers = [f"+1{code}5550100" for code in range(201, 990)]
    known = [place for place in map(locality_of, numbers) if place.country in ("US", "CA")]
    assert sum(place.state != "" for place in known) > 300
    assert all(len(place.state) in (0, 2) for place in known)
