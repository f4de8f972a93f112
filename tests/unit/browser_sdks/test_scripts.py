"""The scripts as the API's door serves them: paths, hosts, types, caching, and the way to fill their folder."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from trunkline.api.errors import ApiError
from trunkline.api.public import PublicRequest, PublicResponse
from trunkline.browser_sdks.scripts import SdkScripts

CDN, SDK = "media.twiliocdn.com", "sdk.twilio.com"
PATH = "/js/sync/releases/3.0.6/twilio-sync.min.js"


@pytest.fixture
def scripts(tmp_path: Path) -> SdkScripts:
    """Return the scripts of a folder with one release."""
    release = tmp_path / "js/sync/releases/3.0.6"
    release.mkdir(parents=True)
    for name in ("twilio-sync.min.js", "twilio-sync.min.js.map", "page.html"):
        (release / name).write_text(name)
    return SdkScripts(tmp_path)


def get(
    scripts: SdkScripts, path: str, host: str = CDN, tags: str = "", method: str = "GET"
) -> PublicResponse | None:
    """Return the response to a request."""
    return asyncio.run(scripts.respond(PublicRequest(method, host, path, if_none_match=tags)))


def headers(response: PublicResponse | None) -> Mapping[str, str]:
    """Return the headers of a response with a content."""
    assert response is not None
    assert response.content is not None
    return response.content.headers


def test_both_hosts_and_every_host_by_the_longer_path(scripts: SdkScripts) -> None:
    for host, path in (
        (CDN, f"/sdk{PATH}"),
        (SDK, PATH),
        ("SDK.twilio.com:443", PATH),
        (SDK, f"/sdk{PATH}"),
        ("127.0.0.1:8080", f"/sdk{PATH}"),
        (CDN, "/sdk/js/sync/v3.0/twilio-sync.min.js"),
    ):
        assert scripts.claims(path.encode())
        response = get(scripts, path, host)
        assert response is not None
        assert response.content is not None
        assert response.content.media_type == "text/javascript; charset=utf-8"
        assert response.content.size == len("twilio-sync.min.js")
    assert get(scripts, PATH, CDN) is None
    assert get(scripts, PATH, "127.0.0.1:8080") is None
    assert not scripts.claims(b"/v1/Services")


def test_types_are_those_of_scripts_and_nothing_else_is_shown(scripts: SdkScripts) -> None:
    for name, media_type in (
        ("twilio-sync.min.js.map", "application/json"),
        ("page.html", "application/octet-stream"),
    ):
        response = get(scripts, f"/sdk/js/sync/releases/3.0.6/{name}")
        assert response is not None
        assert response.content is not None
        assert response.content.media_type == media_type
    assert headers(response)["X-Content-Type-Options"] == "nosniff"
    assert headers(response)["Access-Control-Allow-Origin"] == "*"


def test_clients_keep_what_did_not_change(scripts: SdkScripts, tmp_path: Path) -> None:
    path = f"/sdk{PATH}"
    sent = headers(get(scripts, path))
    assert sent["Cache-Control"] == "public, max-age=86400"
    assert (
        headers(get(scripts, "/sdk/js/sync/v3/twilio-sync.min.js"))["Cache-Control"] == "public, max-age=300"
    )
    for tags in (sent["ETag"], f'"x", W/{sent["ETag"]}', "*"):
        kept = get(scripts, path, tags=tags)
        assert kept is not None
        assert (kept.status, kept.body, kept.headers["ETag"]) == (304, b"", sent["ETag"])
    (tmp_path / PATH[1:]).write_text("changed, and longer")
    response = get(scripts, path, tags=sent["ETag"])
    assert response is not None
    assert response.status == 200
    assert headers(response)["ETag"] != sent["ETag"]


def test_a_file_is_read_in_pieces(scripts: SdkScripts, tmp_path: Path) -> None:
    large = b"0123456789" * 20_000
    (tmp_path / PATH[1:]).write_bytes(large)
    response = get(scripts, f"/sdk{PATH}")
    assert response is not None
    content = response.content
    assert content is not None

    async def pieces(start: int, end: int) -> list[bytes]:
        return [piece async for piece in content.read(start, end)]

    read = asyncio.run(pieces(5, len(large)))
    assert b"".join(read) == large[5:]
    assert max(map(len, read)) == 64 * 1024
    (tmp_path / PATH[1:]).write_bytes(b"short")
    with pytest.raises(OSError, match="has become shorter"):
        asyncio.run(pieces(0, len(large)))


def test_what_is_missing_says_how_to_add_it(scripts: SdkScripts) -> None:
    for path in (
        "/sdk/js/sync/v9/twilio-sync.min.js",
        "/sdk/../secret",
        "/sdk/",
        "/sdk/js/sync/v3.0/%2e%2e/x.js",
    ):
        with pytest.raises(ApiError) as refused:
            get(scripts, path)
        assert (refused.value.status, refused.value.code) == (404, 20404)
        assert refused.value.message == (
            f"This server has no script {path}: its operator adds browser SDKs with trunkline sdk fetch"
        )
    with pytest.raises(ApiError) as refused:
        get(scripts, f"/sdk{PATH}", method="POST")
    assert (refused.value.status, refused.value.headers["Allow"]) == (405, "GET, HEAD")
