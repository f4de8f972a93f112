"""The scripts of browser SDKs on the vendor's paths: ``/sdk/js/…`` as on ``media.twiliocdn.com``, on every host, and
``/js/…`` on ``sdk.twilio.com`` alone (client). Reading them needs no credentials, and pages of all origins may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec

from trunkline.api.errors import ApiError
from trunkline.api.public import PublicRequest, PublicResponse
from trunkline.api.response_content import ResponseContent
from trunkline.browser_sdks.library import locate

_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".map": "application/json",
    ".json": "application/json",
    ".css": "text/css; charset=utf-8",
    ".ts": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}
_RELEASE_CACHE = "public, max-age=86400"
_SERIES_CACHE = "public, max-age=300"
"""The caching of a release, whose files stay as they are, and of a path whose release may change."""


_PIECE = 64 * 1024
"""The bytes that are read at once: no client makes the server hold more of a file than that."""


class SdkFile(msgspec.Struct, frozen=True):
    """A file of the folder, with its size in bytes and the tag of its state."""

    path: Path
    size: int
    tag: str

    @property
    def media_type(self) -> str:
        """The Content-Type."""
        return _TYPES.get(self.path.suffix, "application/octet-stream")

    async def read(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from ``start`` until before ``end``. Raise OSError if the file cannot be read any more."""
        file = await asyncio.to_thread(self.path.open, "rb")
        try:
            await asyncio.to_thread(file.seek, start)
            while start < end:
                piece = await asyncio.to_thread(file.read, min(_PIECE, end - start))
                if not piece:
                    raise OSError(f"{self.path} has become shorter")
                start += len(piece)
                yield piece
        finally:
            file.close()


class SdkScripts:
    """The scripts below a folder; implements ``trunkline.api.public.Public``."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def claims(self, raw_path: bytes) -> bool:
        """Return whether the path begins as the vendor's do."""
        return raw_path.startswith((b"/sdk/", b"/js/"))

    async def respond(self, request: PublicRequest) -> PublicResponse | None:
        """Return the script, or 304 if the client has it. Raise ApiError 20404 with the remedy if there is none, 20004
        for another method than GET."""
        path = request.path.removeprefix("/sdk/")
        if path == request.path:
            if request.authority.partition(".")[0].lower() != "sdk":
                return None
            path = path.removeprefix("/")
        if request.method != "GET":
            raise ApiError(20004, headers={"Allow": "GET, HEAD"})
        found = await asyncio.to_thread(_find, self._root, path)
        if found is None:
            raise ApiError(
                20404,
                f"This server has no script {request.path}: its operator adds browser SDKs with trunkline sdk fetch",
                headers={"Access-Control-Allow-Origin": "*"},
            )
        cache = _RELEASE_CACHE if "/releases/" in request.path else _SERIES_CACHE
        headers = {**_HEADERS, "ETag": found.tag, "Cache-Control": cache}
        if _is_known(found.tag, request.if_none_match):
            return PublicResponse(304, headers)
        content = ResponseContent(found.media_type, found.size, found.read, headers)
        return PublicResponse(200, {}, content=content)


def _find(root: Path, path: str) -> SdkFile | None:
    file = locate(root, path)
    if file is None:
        return None
    try:
        state = file.stat()
    except OSError:
        return None
    return SdkFile(file, state.st_size, f'"{state.st_size:x}-{state.st_mtime_ns:x}"')


def _is_known(tag: str, if_none_match: str) -> bool:
    tags = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return tag in tags or tags == ["*"]
