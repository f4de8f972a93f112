"""The response to the challenges of a 401: a URL's credentials as Basic or Digest, as the server requests (doc). Pure.

Digest is RFC 7616 with MD5 or SHA-256 and ``qop=auth`` or none; it is preferred where the server offers both.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Sequence
from hashlib import md5, sha256
from urllib.parse import urlsplit

_PARAMETER = re.compile(r"([A-Za-z]{1,32})\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s,\"]+))")
_HASHES = {"MD5": md5, "SHA-256": sha256}
_MAX_CHALLENGE = 4096


def authorization_for(challenges: Sequence[str], basic: str, method: str, url: str, nonce: str) -> str | None:
    """Return the Authorization header for the ``WWW-Authenticate`` headers of a 401; None if no challenge has a scheme
    that is supported; Basic if there is no challenge (inferred). ``basic`` is the Basic form of the credentials,
    ``nonce`` a random text of ours."""
    for challenge in challenges:
        scheme, _, rest = challenge.strip()[:_MAX_CHALLENGE].partition(" ")
        if scheme.lower() == "digest" and (made := _digest(rest, basic, method, url, nonce)):
            return made
    schemes = [challenge.strip().partition(" ")[0].lower() for challenge in challenges]
    return basic if not schemes or "basic" in schemes else None


def _digest(challenge: str, basic: str, method: str, url: str, nonce: str) -> str | None:
    challenged = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(challenge)}
    algorithm = challenged.get("algorithm", "MD5").upper()
    qops = [one.strip() for one in challenged.get("qop", "").split(",")]
    if algorithm not in _HASHES or "nonce" not in challenged or not {"auth", ""} & set(qops):
        return None
    user, _, password = b64decode(basic.partition(" ")[2]).decode().partition(":")
    parts = urlsplit(url)
    uri = parts.path + (f"?{parts.query}" if parts.query else "")

    def digest(text: str) -> str:
        return _HASHES[algorithm](text.encode()).hexdigest()

    realm, theirs = challenged.get("realm", ""), challenged["nonce"]
    secret, request = digest(f"{user}:{realm}:{password}"), digest(f"{method}:{uri}")
    fields = {"username": user, "realm": realm, "nonce": theirs, "uri": uri}
    if "auth" in qops:
        response = digest(f"{secret}:{theirs}:00000001:{nonce}:auth:{request}")
        fields |= {"cnonce": nonce}
    else:
        response = digest(f"{secret}:{theirs}:{request}")
    fields |= {"response": response} | ({"opaque": challenged["opaque"]} if "opaque" in challenged else {})
    shown = ", ".join(f'{name}="{value}"' for name, value in fields.items())
    bare = f", algorithm={algorithm}" + (", qop=auth, nc=00000001" if "auth" in qops else "")
    return f"Digest {shown}{bare}" if not re.search(r"[\r\n\0]", shown) else None
