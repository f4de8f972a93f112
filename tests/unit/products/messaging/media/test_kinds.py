"""Attachments that a message may have."""

from __future__ import annotations

import pytest

from trunkline.products.messaging.media.kinds import (
    MAX_MESSAGE,
    MAX_OTHER,
    TOO_LARGE,
    WRONG_KIND,
    kind_of,
    rejection_code,
)

SMALL = [
    *(
        f"audio/{name}"
        for name in [
            "basic",
            "L24",
            "mp4",
            "mpeg",
            "ogg",
            "vnd.wave",
            "3gpp",
            "3gpp2",
            "ac3",
            "webm",
            "amr",
            "amr-nb",
        ]
    ),
    *(
        f"video/{name}"
        for name in ["mpeg", "mp4", "quicktime", "webm", "3gpp", "3gpp2", "H261", "H263", "H264", "H265"]
    ),
    *(f"text/{name}" for name in ["vcard", "x-vcard", "csv", "rtf", "calendar", "directory"]),
    *("image/bmp", "image/tiff", "application/pdf", "application/vcard"),
]


@pytest.mark.parametrize("kind", ["image/jpeg", "image/jpg", "image/gif", "image/png"])
def test_common_pictures_may_fill_the_message(kind: str) -> None:
    assert rejection_code([(kind, MAX_MESSAGE)]) is None
    assert rejection_code([(kind, MAX_MESSAGE), (kind, 1)]) == TOO_LARGE


@pytest.mark.parametrize("written", SMALL)
def test_other_kinds_are_held_smaller(written: str) -> None:
    kind = kind_of(written)
    assert rejection_code([(kind, MAX_OTHER)]) is None
    assert rejection_code([(kind, MAX_OTHER + 1)]) == TOO_LARGE


@pytest.mark.parametrize(
    "written", ["", "text/html", "text/plain", "image/svg+xml", "application/json", "application/zip", "png"]
)
def test_anything_else_is_no_attachment(written: str) -> None:
    assert rejection_code([("image/png", 1), (kind_of(written), 1)]) == WRONG_KIND


def test_the_header_is_read_without_its_parameters() -> None:
    assert kind_of(" Image/PNG ; name=x.png") == "image/png"


def test_no_attachments_are_fine() -> None:
    assert rejection_code([]) is None
