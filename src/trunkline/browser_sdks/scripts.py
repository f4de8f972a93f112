"""The scripts of browser SDKs on the vendor's paths: ``/sdk/js/…`` as on ``media.twiliocdn.com``, on every host, and
``/js/…`` on ``sdk.twilio.com`` alone (client). Reading them needs no credentials, and pages of all origins may."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from trunkline.api.errors import ApiError
from trunkline.api.public import PublicRequest, PublicResponse
from trunkline.api.response_content import in_memory
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


class SdkFile(msgspec.Struct, frozen=True):
    """A file of the folder, with the tag of its state."""

    media_type: str
    body: bytes
    tag: str


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
        found = await asyncio.to_thread(_read, self._root, path)
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
        content = in_memory(found.media_type, found.body)
        return PublicResponse(200, {}, content=msgspec.structs.replace(content, headers=headers))


def _read(root: Path, path: str) -> SdkFile | None:
    file = locate(root, path)
    if file is None:
        return None
    try:
        state, body = file.stat(), file.read_bytes()
    except OSError:
        return None
    media_type = _TYPES.get(file.suffix, "application/octet-stream")
    return SdkFile(media_type, body, f'"{len(body):x}-{state.st_mtime_ns:x}"')


def _is_known(tag: str, if_none_match: str) -> bool:
    tags = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return tag in tags or tags == ["*"]
