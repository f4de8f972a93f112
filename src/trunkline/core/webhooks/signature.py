"""The signature of webhooks, ``X-Twilio-Signature``, as the SDKs' validators check it (client). Pure.

It is the HMAC-SHA1 over URL and parameters, in base64:

1. The URL is the one requested: with its query, without fragment and credentials, and with a port only when it is not
   the scheme's own.
2. A form's parameters follow, sorted by name, each name with its value, nothing between them; of a name that is given
   several times every different value, sorted.
3. A JSON body is covered by its digest in the query, ``bodySHA256``.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha1, sha256

Parameters = Sequence[tuple[str, str]]
"""Names and values, in the order in which they are sent."""


def sign(token: str, url: str, parameters: Parameters = ()) -> str:
    """Return the signature with an account's auth ``token``; ``parameters`` are those of a form in the body."""
    data = url + "".join(name + value for name, value in sorted(set(parameters)))
    return b64encode(hmac.new(token.encode(), data.encode(), sha1).digest()).decode()


def with_digest(url: str, body: bytes) -> str:
    """Return the URL to request, and to sign, for a body that is no form: with the body's digest."""
    return with_query(url, f"bodySHA256={sha256(body).hexdigest()}")


def with_query(url: str, query: str) -> str:
    """Return the URL with ``query`` appended to its own query; it has no fragment.

    An empty ``query`` leaves it as it is.
    """
    if not query:
        return url
    separator = "" if url.endswith(("?", "&")) else "&" if "?" in url else "?"
    return f"{url}{separator}{query}"
