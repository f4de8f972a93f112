"""The environment variables that route an unmodified program through the proxy. Pure.

The variables, as the SDKs and their HTTP libraries read them:

- `HTTPS_PROXY` routes Python's requests here, and with it the `twilio` package; Go, Ruby, PHP, .NET and curl read it,
  too. `HTTP_PROXY` is the only name that the Node package reads, also for its https requests. `ALL_PROXY` stands for
  both where they are not set. Each is set in both spellings: libraries prefer one or the other, and an old value of it
  would lead to the real service.
- `NO_PROXY`, in both spellings, keeps the program's requests to its own machine, and to the server itself, away from
  the proxy. An old value may have named hosts of the real service.
- `NODE_USE_ENV_PROXY` makes Node's own fetch read these variables, from 22.21 and 24.5 on. Older ones ignore them.
- `SSL_CERT_FILE` and `SSL_CERT_DIR` replace the certificates that OpenSSL trusts (Python, Ruby, .NET, PHP's streams),
  and Go; `REQUESTS_CA_BUNDLE` and `CURL_CA_BUNDLE` those of requests and curl. This takes nothing away, because the
  proxy serves only *.twilio.com. It adds a safeguard: a client that ignores proxy variables, such as Python's
  asynchronous one, trusts no certificate of the real service, so that its requests fail before they are sent.
- `NODE_EXTRA_CA_CERTS` makes Node trust the CA; with `--use-openssl-ca` in `NODE_OPTIONS` it trusts nothing besides,
  for the same reason. The Node package's own `TWILIO_CA_BUNDLE` has no effect as soon as a proxy is set.
- `JAVA_TOOL_OPTIONS` routes Java programs here, which read none of the others; without the CA in their trust store
  their requests fail.
- `TWILIO_ACCOUNT_SID` and `TWILIO_AUTH_TOKEN` are void at the real service.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from urllib.parse import urlsplit

import msgspec

_LOCAL = ("localhost", "127.0.0.1", "::1")
_NOTHING: Mapping[str, str] = {}

REMOVED = (
    "TWILIO_REGION",
    "TWILIO_EDGE",
    "TWILIO_CA_BUNDLE",
    "NODE_TLS_REJECT_UNAUTHORIZED",
    "NODE_USE_SYSTEM_CA",
)
"""Variables that must not be set: those that lead to another region of the real service, or that make Node accept any
certificate or those that the machine trusts."""

_NODE_OPTION = re.compile(r'(?:"(?:\\.|[^"\\])*"?|[^ "])+ *', re.DOTALL)
"""An option in NODE_OPTIONS, with the spaces behind it: those between quotes belong to it, backslashes escape there."""

_NODE_CA = re.compile(r"--use-(bundled|openssl|system)-ca")
"""The options that choose whom Node trusts; it starts with one of the first two at most."""

_OWNER_SID = re.compile(r"(AC|SK)[0-9a-f]{32}")
_FOREIGN_SECRET = re.compile(r"TWILIO_.*(SECRET|TOKEN)")


class ProxyAddress(msgspec.Struct, frozen=True):
    """The proxy as the program sees it: its own address (`http://127.0.0.1:8081`), and the PEM file of the CA."""

    url: str
    ca: PurePath


def credentials(account_sid: str, auth_token: str) -> dict[str, str]:
    """Return the variables with the credentials alone."""
    return {"TWILIO_ACCOUNT_SID": account_sid, "TWILIO_AUTH_TOKEN": auth_token}


def variables(
    proxy: ProxyAddress, account_sid: str, auth_token: str, inherited: Mapping[str, str] = _NOTHING
) -> dict[str, str]:
    """Return the variables by name, in the order of printing. ``inherited`` is the environment of the shell, to whose
    options for Node and Java some are added.

    Raise ValueError if the path of the CA is not absolute: the program may be started from any directory.
    """
    if not proxy.ca.is_absolute():
        raise ValueError(f"the path of the CA is not absolute: {proxy.ca}")
    parts = urlsplit(proxy.url)
    host = parts.hostname or ""
    java = [
        f"-D{scheme}.{option}"
        for scheme in ("https", "http")
        for option in (f"proxyHost={host}", f"proxyPort={parts.port}")
    ]
    direct = ",".join(dict.fromkeys((*_LOCAL, host)))
    certificate = str(proxy.ca)
    return {
        **credentials(account_sid, auth_token),
        **_in_both_spellings("HTTPS_PROXY", proxy.url),
        **_in_both_spellings("HTTP_PROXY", proxy.url),
        **_in_both_spellings("ALL_PROXY", proxy.url),
        **_in_both_spellings("NO_PROXY", direct),
        "NODE_USE_ENV_PROXY": "1",
        "SSL_CERT_FILE": certificate,
        "SSL_CERT_DIR": str(proxy.ca.parent),
        "CURL_CA_BUNDLE": certificate,
        "REQUESTS_CA_BUNDLE": certificate,
        "NODE_EXTRA_CA_CERTS": certificate,
        "NODE_OPTIONS": _node_options(inherited.get("NODE_OPTIONS", "")),
        "JAVA_TOOL_OPTIONS": _with_options(inherited.get("JAVA_TOOL_OPTIONS", ""), " ".join(java)),
    }


def _node_options(given: str) -> str:
    """Return the options of Node, as they were written, with the one that chooses whom Node trusts in place of any
    such one. Node takes underscores for hyphens."""
    kept = _NODE_OPTION.sub(lambda one: "" if _NODE_CA.fullmatch(_spelled(one[0])) else one[0], given)
    return f"{kept.rstrip(' ')} --use-openssl-ca".lstrip(" ")


def _spelled(option: str) -> str:
    return option.rstrip(" ").replace('"', "").replace("_", "-")


def _with_options(given: str, added: str) -> str:
    """Return options with others behind them, where the last one counts, unless they are there already."""
    return given if given.endswith(added) else f"{given} {added}".lstrip(" ")


def owner_sids(environment: Mapping[str, str]) -> set[str]:
    """Return the SIDs of accounts and keys that the variables of an environment hold."""
    return {value for value in environment.values() if _OWNER_SID.fullmatch(value)}


def foreign(environment: Mapping[str, str], known: set[str]) -> list[str]:
    """Return the names of the variables with credentials that are not ``known`` here, the SIDs of accounts and keys:
    with them a program that reaches the real service would be served. Secrets are not recognizable: they count as
    foreign by their names where a SID is, unless there is a key of this server to which they may belong."""
    sids = owner_sids(environment)
    found = [name for name, value in environment.items() if value in sids - known]
    if not found or any(sid.startswith("SK") for sid in sids & known):
        return found
    return found + [name for name in environment if name not in found and _FOREIGN_SECRET.fullmatch(name)]


def _in_both_spellings(name: str, value: str) -> dict[str, str]:
    return {name: value, name.lower(): value}
