"""The folder of browser SDKs: what is found in it for a path, and how packages get into it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trunkline.browser_sdks.library import SdkRelease, copy_bundles, list_releases, locate

RELEASES = ("0.8.6", "0.12.4", "3.0.1", "3.0.6", "3.0.10", "3.4.0", "4.0.0-rc.1")
BUNDLE = "twilio-sync.min.js"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with releases of Sync; each file holds its release."""
    for version in RELEASES:
        put(tmp_path / "sdk/js/sync/releases" / version / BUNDLE, version)
    put(tmp_path / "sdk/js/sync/releases/3.0.6/twilio-sync.js", "3.0.6 readable")
    put(tmp_path / "sdk/js/chat/v4.0/twilio-chat.min.js", "as it stands")
    put(tmp_path / "sdk/rtc/js/ip-messaging/v0.8/twilio-ip-messaging.min.js", "old")
    put(tmp_path / "secret.js", "secret")
    return tmp_path / "sdk"


def put(path: Path, content: str) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def found(root: Path, path: str) -> str | None:
    """Return the content of the file that a path means."""
    file = locate(root, path)
    return None if file is None else file.read_text()


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (f"js/sync/releases/3.0.6/{BUNDLE}", "3.0.6"),
        (f"js/sync/releases/4.0.0-rc.1/{BUNDLE}", "4.0.0-rc.1"),
        (f"js/sync/v3.0.1/{BUNDLE}", "3.0.1"),
        (f"js/sync/v3.0/{BUNDLE}", "3.0.10"),
        (f"js/sync/v3/{BUNDLE}", "3.4.0"),
        (f"js/sync/v0.12/{BUNDLE}", "0.12.4"),
        (f"js/sync/v0/{BUNDLE}", "0.12.4"),
        (f"js/sync/latest/{BUNDLE}", "3.4.0"),
        ("js/sync/v3.0/twilio-sync.js", "3.0.6 readable"),
        ("js/chat/v4.0/twilio-chat.min.js", "as it stands"),
        ("rtc/js/ip-messaging/v0.8/twilio-ip-messaging.min.js", "old"),
        (f"js/sync/v5/{BUNDLE}", None),
        (f"js/sync/v3.1/{BUNDLE}", None),
        (f"js/sync/v/{BUNDLE}", None),
        (f"js/sync/v3.0.6.1/{BUNDLE}", None),
        (f"js/sync/3.0/{BUNDLE}", None),
        (f"js/video/v2/{BUNDLE}", None),
        ("js/sync/v3.0", None),
        ("js/sync/releases/3.0.6", None),
        ("", None),
        ("js//sync", None),
        (f"js/sync/releases/../releases/3.0.6/{BUNDLE}", None),
        ("../secret.js", None),
        ("js/sync/v3.0/../../../../secret.js", None),
        ("js/sync/v3.0/%2e%2e/secret.js", None),
        ("js/sync/v3.0/..%2f..%2fsecret.js", None),
        (".hidden", None),
        ("js/sync/v3.0/a\\b.js", None),
        ("js/sync/v3.0/a\x00.js", None),
        ("js/sync/v3.0/" + "a" * 5000, None),
        ("js/sync/v9999999999/" + BUNDLE, None),
    ],
)
def test_a_path_means_a_file(root: Path, path: str, content: str | None) -> None:
    assert found(root, path) == content


def test_nothing_outside_is_found_behind_links(root: Path) -> None:
    release = root / "js/sync/releases/3.0.6"
    (release / "evil.js").symlink_to(root.parent / "secret.js")
    (release / "inside.js").symlink_to(release / BUNDLE)
    (release / "loop.js").symlink_to(release / "loop.js")
    (root / "js/all").symlink_to(root.parent)
    assert found(root, "js/sync/releases/3.0.6/evil.js") is None
    assert found(root, "js/sync/releases/3.0.6/loop.js") is None
    assert found(root, "js/all/secret.js") is None
    assert found(root, "js/sync/releases/3.0.6/inside.js") == "3.0.6"
    # The folder itself may be one.
    (root.parent / "link").symlink_to(root)
    assert found(root.parent / "link", f"js/sync/v3.0/{BUNDLE}") == "3.0.10"


def test_a_folder_that_is_missing_has_nothing(tmp_path: Path) -> None:
    assert locate(tmp_path / "sdk", f"js/sync/v3.0/{BUNDLE}") is None
    assert list_releases(tmp_path / "sdk") == []


def test_releases_in_their_order(root: Path) -> None:
    assert [one.version for one in list_releases(root)] == list(RELEASES)
    assert list_releases(root)[3] == SdkRelease("sync", "3.0.6", ("twilio-sync.js", BUNDLE))


def package(folder: Path, name: str, version: str, *files: str) -> None:
    """Write an npm package whose files hold its version."""
    put(folder / "package.json", json.dumps({"name": name, "version": version}))
    for file in files:
        put(folder / file, version)


def test_bundles_of_packages_are_copied(tmp_path: Path) -> None:
    modules, root = tmp_path / "node_modules", tmp_path / "sdk"
    package(modules / "twilio-sync", "twilio-sync", "3.4.0", "builds/twilio-sync.min.js", "builds/lib.js")
    package(modules / "an-alias", "twilio-sync", "0.12.4", f"dist/{BUNDLE}", "dist/twilio-sync.js")
    package(modules / "twilio-chat", "twilio-chat", "4.0.0", "dist/twilio-chat.min.js")
    package(modules / "twilio-chat/node_modules/twilio-sync", "twilio-sync", "0.9.1", f"dist/{BUNDLE}")
    package(modules / "@scope/twilio-common", "twilio-common", "0.1.4", "dist/twilio-common.min.js")
    package(modules / "twilio", "twilio", "6.0.0", "dist/twilio.min.js")
    package(modules / "without", "twilio-sync", "5.0.0", "lib/index.js")
    package(modules / "odd", "twilio-sync", "../../..", f"dist/{BUNDLE}")
    put(modules / "broken/package.json", "{")
    put(modules / "list/package.json", "[]")
    copied = copy_bundles(modules, root)
    assert [(one.name, one.version) for one in copied] == [
        ("chat", "4.0.0"),
        ("common", "0.1.4"),
        ("sync", "0.9.1"),
        ("sync", "0.12.4"),
        ("sync", "3.4.0"),
    ]
    assert list_releases(root) == copied
    assert found(root, f"js/sync/latest/{BUNDLE}") == "3.4.0"
    # One package alone, a second time, and a folder that was filled like this one.
    assert copy_bundles(modules / "an-alias", root) == [
        SdkRelease("sync", "0.12.4", ("twilio-sync.js", BUNDLE))
    ]
    assert copy_bundles(root, tmp_path / "other") == copied == list_releases(tmp_path / "other")
    assert copy_bundles(tmp_path / "nothing", root) == []
