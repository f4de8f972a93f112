"""Dates and URLs of answers."""

from __future__ import annotations

import pytest

from trunkline.api.views import Urls, iso, rfc2822

MOMENT = 1_438_286_400_000_000


@pytest.mark.parametrize(
    ("microseconds", "written"),
    [
        (MOMENT, "2015-07-30T20:00:00Z"),
        (MOMENT + 999_999, "2015-07-30T20:00:00Z"),
        (0, "1970-01-01T00:00:00Z"),
        (951_782_400_000_000, "2000-02-29T00:00:00Z"),
    ],
)
def test_a_product_date_has_whole_seconds_in_utc(microseconds: int, written: str) -> None:
    assert iso(microseconds) == written


@pytest.mark.parametrize(
    ("microseconds", "written"),
    [(MOMENT + 1, "Thu, 30 Jul 2015 20:00:00 +0000"), (0, "Thu, 01 Jan 1970 00:00:00 +0000")],
)
def test_a_2010_date_is_rfc_2822(microseconds: int, written: str) -> None:
    assert rfc2822(microseconds) == written


def test_urls_lead_back_the_way_the_client_came() -> None:
    urls = Urls("http://127.0.0.1:8080/sync", "v1")
    assert urls.to("Services", "ISx") == "http://127.0.0.1:8080/sync/v1/Services/ISx"
    assert urls.links(("Services", "ISx"), {"documents": "Documents"}) == {
        "documents": "http://127.0.0.1:8080/sync/v1/Services/ISx/Documents"
    }
