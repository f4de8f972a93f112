"""Percent escapes (RFC 3986, section 2.1), decoded in one pass that no input makes slow. Pure.

The standard library's decoder cuts a text at each escape and joins the pieces: 2 MiB of escapes cost it half a second
and more. Quoted-printable has the same escapes behind another sign, and a decoder in C.
"""

from __future__ import annotations

import re
from binascii import a2b_qp

_BROKEN = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class BrokenEscape(ValueError):
    """A percent sign without two hexadecimal digits."""


class NulCharacter(ValueError):
    """A NUL character, as it is or as an escape."""


def unescape(raw: bytes) -> bytes:
    """Return ``raw`` with each escape decoded once. Raise BrokenEscape."""
    count = raw.count(b"%")
    if not count:
        return raw
    decoded = _decode(raw)
    # A line end behind the sign would be no error in quoted-printable; any other broken escape leaves it too long.
    if len(decoded) != len(raw) - 2 * count or b"%\n" in raw or b"%\r" in raw:
        raise BrokenEscape
    return decoded


def unescape_leniently(raw: bytes) -> bytes:
    """Return ``raw`` with each escape decoded once; a percent sign without two hexadecimal digits stays."""
    return _decode(_BROKEN.sub(b"%25", raw)) if b"%" in raw else raw


def split_segments(path: bytes, errors: str = "strict") -> tuple[str, ...]:
    """Return the parts of a path between its slashes, each decoded once, with a slash of ``%2F`` inside of its part; a
    percent sign without two hexadecimal digits stays. ``errors`` is that of ``bytes.decode``. Raise NulCharacter if the
    path has one, UnicodeDecodeError."""
    if b"\x00" in path or b"%00" in path:
        raise NulCharacter
    return tuple(unescape_leniently(path.replace(b"/", b"\x00")).decode(errors=errors).split("\x00"))


def _decode(raw: bytes) -> bytes:
    return a2b_qp(raw.replace(b"=", b"%3D").replace(b"%", b"="))
