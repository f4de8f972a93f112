"""The kinds and sizes of attachments that a message may have. Pure.

Pictures in the common forms may fill the whole message, other kinds are held smaller (doc); the list of other kinds
is the vendor's as far as it is known (inferred).
"""

from __future__ import annotations

from collections.abc import Sequence

MAX_MESSAGE = 5 * 1024 * 1024
"""Bytes of all attachments of a message (doc)."""

MAX_OTHER = 500 * 1024
"""Bytes of an attachment that is no common picture (doc)."""

COMMON = frozenset({"image/jpeg", "image/jpg", "image/gif", "image/png"})

_AUDIO = "basic L24 mp4 mpeg ogg vnd.wave wav 3gpp 3gpp2 ac3 webm amr amr-nb"
_VIDEO = "mpeg mp4 quicktime webm 3gpp 3gpp2 3gpp-tt H261 H263 H263-1998 H263-2000 H264 H265"
_TEXT = "vcard x-vcard csv rtf calendar directory"

OTHER = frozenset(
    f"{kind}/{name}".lower()
    for kind, names in (
        ("audio", _AUDIO),
        ("video", _VIDEO),
        ("text", _TEXT),
        ("image", "bmp tiff"),
        ("application", "pdf vcard vnd.apple.pkpass"),
    )
    for name in names.split()
)

WRONG_KIND = 12300
TOO_LARGE = 11751


def kind_of(content_type: str) -> str:
    """Return the bare kind of a Content-Type header, in small letters."""
    return content_type.partition(";")[0].strip().lower()


def is_allowed(kind: str) -> bool:
    """Return whether a message may have attachments of this kind."""
    return kind in COMMON or kind in OTHER


def rejection_code(media: Sequence[tuple[str, int]]) -> int | None:
    """Return the error code for attachments, given as kinds and sizes in bytes, that a message may not have."""
    if not all(is_allowed(kind) for kind, _ in media):
        return WRONG_KIND
    if any(kind not in COMMON and size > MAX_OTHER for kind, size in media):
        return TOO_LARGE
    return TOO_LARGE if sum(size for _, size in media) > MAX_MESSAGE else None
