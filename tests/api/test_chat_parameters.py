"""The parameters of Chat's Services are those of the vendor's OpenAPI documents."""

from __future__ import annotations

import pytest

from contract.documents import document
from trunkline.api.params import names
from trunkline.products.chat.configuration import UpdateV1, UpdateV2
from trunkline.products.chat.webhook_events import WITH_OWN_URL


def documented(host: str, version: str) -> set[str]:
    """Return the parameters of an update in the document."""
    operation = document(host, version).source["paths"][f"/{version}/Services/{{Sid}}"]["post"]
    schema = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    return set(schema["properties"])


@pytest.mark.parametrize("host", ["chat", "ip-messaging"])
def test_an_update_takes_every_documented_parameter(host: str) -> None:
    # Formats are not in the document's parameters, but in its sample request and sent by older SDKs.
    formats = {f"Webhooks.O{event.value[1:]}.Format" for event in WITH_OWN_URL}
    assert set(names(UpdateV1)) == documented(host, "v1") | formats
    assert set(names(UpdateV2)) == documented(host, "v2")
