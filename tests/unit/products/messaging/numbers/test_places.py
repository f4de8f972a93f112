"""Where numbers belong. The names are the numbering library's, which changes; these have stood for long."""

from __future__ import annotations

import pytest

from trunkline.products.messaging.numbers.places import Place, place_of


@pytest.mark.parametrize(
    ("number", "place"),
    [
        ("+14155550100", Place("SAN FRANCISCO", "CA", "US")),
        ("+12125550100", Place("NEW YORK", "NY", "US")),
        ("+12025550100", Place("", "DC", "US")),
        ("+19075550100", Place("", "AK", "US")),
        ("+14165550100", Place("", "ON", "CA")),
        ("+16045550100", Place("", "BC", "CA")),
        # Letters beyond ASCII.
        ("+14182530100", Place("VALLÉE-JONCTION", "QC", "CA")),
        ("+18005551212", Place("", "", "US")),
        ("+15005550006", Place("", "", "US")),
        ("+15555555555", Place("", "", "US")),
        ("+17875550100", Place("", "", "PR")),
        ("+442079460000", Place("", "", "GB")),
        ("whatsapp:+447400123456", Place("", "", "GB")),
        ("62345", Place()),
        ("Acme", Place()),
        ("", Place()),
    ],
)
def test_places(number: str, place: Place) -> None:
    assert place_of(number) == place


def test_most_area_codes_have_a_state() -> None:
    numbers = [f"+1{code}5550100" for code in range(201, 990)]
    known = [place for place in map(place_of, numbers) if place.country in ("US", "CA")]
    assert sum(place.state != "" for place in known) > 300
    assert all(len(place.state) in (0, 2) for place in known)
