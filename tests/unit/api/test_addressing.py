"""Hosts and prefixes to products, and the URLs that lead back."""

from __future__ import annotations

import pytest

from trunkline.api.addressing import CONTROL, RequestAddress, is_control, resolve, segments_of
from trunkline.api.errors import ApiError

HOSTS = frozenset({"api", "iam", "accounts", "sync", "notify", "chat", "ip-messaging"})
PATH = b"/v1/Services"


def address(authority: str, path: bytes = PATH, default: str = "") -> RequestAddress:
    return resolve("https", authority, path, HOSTS, default)


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("sync.twilio.com", "sync"),
        ("SYNC.Twilio.Com", "sync"),
        ("sync.twilio.com:443", "sync"),
        ("sync.ie1.twilio.com", "sync"),
        ("sync.dublin.us1.twilio.com", "sync"),
        ("sync.dublin.ie1.twilio.com:8443", "sync"),
        ("sync.localhost:8080", "sync"),
        ("sync:8080", "sync"),
        ("sync", "sync"),
        ("ip-messaging.twilio.com", "ip-messaging"),
        ("syncs.twilio.com", ""),
        ("my.sync.twilio.com", ""),
        ("127.0.0.1:8080", ""),
        ("localhost", ""),
        ("[::1]:8080", ""),
        ("[2001:db8::1]", ""),
    ],
)
def test_the_first_label_of_the_host_names_the_product(authority: str, host: str) -> None:
    found = address(authority)
    assert found == RequestAddress(host, ("v1", "Services"), "/v1/Services", f"https://{authority}")


@pytest.mark.parametrize(
    ("authority", "path"),
    [
        ("localhost", b"/%5Ftrunkline/metrics"),
        ("localhost", b"/%5ftrunkline/metrics"),
        ("localhost", b"/_%74runkline/metrics"),
        ("localhost", b"/_trunklin%65"),
        ("localhost", b"/_trunkline%2Fmetrics"),
        ("localhost", b"/%2F_trunkline/metrics"),
        ("localhost", b"//_trunkline/metrics"),
        ("localhost", b"/_Trunkline/metrics"),
        ("localhost", b"/./_trunkline/metrics"),
        ("localhost", b"/_trunkline2/metrics"),
        ("_trunkline.example", b"/metrics"),
        ("_TRUNKLINE", b"/metrics"),
    ],
)
def test_the_control_api_has_one_spelling(authority: str, path: bytes) -> None:
    assert not is_control(path)
    assert resolve("https", authority, path, HOSTS | {CONTROL}).host == ""


@pytest.mark.parametrize(
    "path", [b"/_trunkline", b"/_trunkline/", b"/_trunkline/metrics", b"/_trunkline/a%62"]
)
def test_the_control_api_accepts_any_host(path: bytes) -> None:
    for authority in ("localhost", "sync.localhost", "a b", ""):
        assert is_control(path)
        assert resolve("https", authority, path, HOSTS | {CONTROL}).host == CONTROL


@pytest.mark.parametrize(
    ("authority", "path", "expected"),
    [
        ("127.0.0.1:8080", b"/sync/v1/Services", ("sync", "/v1/Services", "/sync")),
        ("[::1]:8080", b"/chat/v2/Services/", ("chat", "/v2/Services/", "/chat")),
        ("api.example.com", b"/sync/v1/Services", ("sync", "/v1/Services", "/sync")),
        ("localhost", b"/%73ync/v1/Services", ("sync", "/v1/Services", "/%73ync")),
        ("localhost", b"/sync", ("sync", "/", "/sync")),
        ("localhost", b"/sync/", ("sync", "/", "/sync")),
        ("localhost", b"/Sync/v1", ("", "/Sync/v1", "")),
        ("localhost", b"//sync/v1", ("", "//sync/v1", "")),
        ("localhost", b"/synchronous/v1", ("", "/synchronous/v1", "")),
    ],
)
def test_a_prefix_names_the_product_and_stays_in_the_base(
    authority: str, path: bytes, expected: tuple[str, str, str]
) -> None:
    found = address(authority, path)
    assert (found.host, found.path, found.base) == (*expected[:2], f"https://{authority}{expected[2]}")


@pytest.mark.parametrize(
    ("path", "host"),
    [
        (b"/2010-04-01/Accounts.json", "api"),
        (b"/v1/Keys", "iam"),
        (b"/v1/Keys/SK1", "iam"),
        (b"/v1/AuthTokens/Promote", "accounts"),
        (b"/v1/Services", ""),
        (b"/v1", ""),
        (b"/v1/keys", ""),
        (b"/", ""),
        (b"", ""),
    ],
)
def test_a_path_that_one_product_has_needs_no_name(path: bytes, host: str) -> None:
    assert address("localhost", path).host == host
    # The root has links to every product.
    assert address("localhost", path, "notify").host == (host or ("notify" if path.strip(b"/") else ""))
    assert address("sync.localhost", path, "notify").host == "sync"


@pytest.mark.parametrize(
    "authority",
    [
        "",
        " ",
        "a b",
        "h/p",
        "u@h",
        "h:",
        "h:x",
        "h:123456",
        "[::1",
        "::1",
        "[x]",
        "a\r\nb",
        "ü",
        "h" * 254,
        "h:80:80",
    ],
)
def test_a_bad_host_is_refused(authority: str) -> None:
    with pytest.raises(ApiError, match="Host") as refused:
        address(authority)
    assert refused.value.code == 20001


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        (b"/a/b", ("a", "b")),
        (b"/a/b/", ("a", "b")),
        (b"/a/b//", ("a", "b", "")),
        (b"/a//b", ("a", "", "b")),
        (b"/", ()),
        (b"", ()),
        (b"/a%20b/%D0%BA", ("a b", "к")),
        (b"/a%2Fb", ("a/b",)),
        (b"/a%252Fb", ("a%2Fb",)),
        (b"/100%", ("100%",)),
        (b"/a%b/%zz", ("a%b", "%zz")),
        (b"/a/../b/./c", ("a", "..", "b", ".", "c")),
        (b"/%2e%2e", ("..",)),
        (b"/+;@:&=", ("+;@:&=",)),
        ("/к".encode(), ("к",)),
    ],
)
def test_segments_are_decoded_once(path: bytes, segments: tuple[str, ...]) -> None:
    assert segments_of(path) == segments


@pytest.mark.parametrize("path", [b"/%ff", b"/\xff", b"/a%00b", b"/a\x00b", b"/%C3%28"])
def test_a_path_that_is_no_text_is_refused(path: bytes) -> None:
    with pytest.raises(ApiError) as refused:
        segments_of(path)
    assert refused.value.code == 20001


def test_a_path_with_bytes_beyond_ascii_is_escaped_in_urls_and_nothing_else_is() -> None:
    assert address("localhost", "/sync/v1/a%20b%2Fc%/к".encode()).path == "/v1/a%20b%2Fc%/%D0%BA"
