"""URLs of responses."""

from __future__ import annotations

from trunkline.api.views import Urls


def test_urls_lead_back_the_way_the_client_came() -> None:
    urls = Urls("http://127.0.0.1:8080/sync", "v1")
    assert urls.to("Services", "ISx") == "http://127.0.0.1:8080/sync/v1/Services/ISx"
    assert urls.links(("Services", "ISx"), {"documents": "Documents"}) == {
        "documents": "http://127.0.0.1:8080/sync/v1/Services/ISx/Documents"
    }
