"""The folder of browser SDKs: how its files are found for a path, and how it is filled from npm packages.

It is laid out as the vendor's host is (client): ``js/sync/releases/3.0.6/twilio-sync.min.js``. A path with ``v3``,
``v3.0`` or ``latest`` in place of ``releases/3.0.6`` means the newest release of these numbers that has the file,
unless the folder has that path itself. Only plain names are looked up, and only files below the folder are found, also
behind symbolic links.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from trunkline.core.atomic_files import replace_file

PACKAGES = {"twilio-sync": "sync", "twilio-chat": "chat", "twilio-common": "common"}
"""The npm packages with a bundle that pages load, and their names in the vendor's paths (client)."""

_BUILDS = ("builds", "dist")
"""The folders of a package that may have its bundles; the newer place first."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_RELEASE = re.compile(r"(\d{1,6})\.(\d{1,6})\.(\d{1,6})", re.ASCII)
_SERIES = re.compile(r"v(\d{1,6})(?:\.(\d{1,6}))?(?:\.(\d{1,6}))?", re.ASCII)
_MAX_DEPTH = 4
"""The levels of folders in which packages may be: those of ``node_modules/@scope/package`` and one more."""


class SdkRelease(msgspec.Struct, frozen=True, order=True):
    """A release in the folder: its name in paths, its version, and the names of its files."""

    name: str
    version: str
    files: tuple[str, ...] = ()


def locate(root: Path, path: str) -> Path | None:
    """Return the file that a path such as ``js/sync/v3.0/twilio-sync.min.js`` means, None if there is none."""
    parts = path.split("/")
    if not all(_NAME.fullmatch(part) for part in parts):
        return None
    for candidate in _candidates(root, parts):
        try:
            found = candidate.resolve(strict=True)
            if found.is_file() and found.is_relative_to(root.resolve(strict=True)):
                return found
        except (OSError, RuntimeError):
            continue
    return None


def _candidates(root: Path, parts: list[str]) -> Iterator[Path]:
    yield root.joinpath(*parts)
    if len(parts) < 4 or parts[0] != "js":
        return
    series = _SERIES.fullmatch(parts[2])
    if series is None and parts[2] != "latest":
        return
    wanted = tuple(int(number) for number in (series.groups() if series else ()) if number)
    releases = root / "js" / parts[1] / "releases"
    for numbers, version in sorted(_versions(releases), reverse=True):
        if numbers[: len(wanted)] == wanted:
            yield releases.joinpath(version, *parts[3:])


def _versions(releases: Path) -> Iterator[tuple[tuple[int, ...], str]]:
    for name in _names(releases):
        if found := _RELEASE.fullmatch(name):
            yield tuple(map(int, found.groups())), name


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except OSError:
        return []


def list_releases(root: Path) -> list[SdkRelease]:
    """Return the releases in the folder."""
    found = []
    for name in _names(root / "js"):
        releases = root / "js" / name / "releases"
        for version in _names(releases):
            folder = releases / version
            files = tuple(
                file for file in _names(folder) if _NAME.fullmatch(file) and (folder / file).is_file()
            )
            if files:
                found.append(SdkRelease(name, version, files))
    return sorted(found, key=_by_version)


def _by_version(release: SdkRelease) -> tuple[str, list[int], str]:
    return release.name, [int(part) for part in re.findall(r"[0-9]{1,9}", release.version)], release.version


def copy_bundles(source: Path, root: Path) -> list[SdkRelease]:
    """Copy the bundles of the npm packages in a folder, which may be a package or hold several, and the releases of a
    folder that is laid out as this one. Return the releases that were found. Raise OSError if a file cannot be read or
    written."""
    found = [
        _copied(release, bundles, root)
        for package in _packages(source, _MAX_DEPTH)
        if (release := _release_of(package)) is not None and (bundles := _bundles(package, release))
    ]
    for release in list_releases(source):
        folder = source / "js" / release.name / "releases" / release.version
        found.append(_copied(release, [folder / name for name in release.files], root))
    return sorted(set(found), key=_by_version)


def _copied(release: SdkRelease, bundles: list[Path], root: Path) -> SdkRelease:
    target = root / "js" / release.name / "releases" / release.version
    target.mkdir(parents=True, exist_ok=True)
    for bundle in bundles:
        replace_file(target / bundle.name, bundle.read_bytes())
    return msgspec.structs.replace(release, files=tuple(sorted(bundle.name for bundle in bundles)))


def _packages(folder: Path, depth: int) -> Iterator[Path]:
    """Yield the folders with a ``package.json``, without those inside packages but their ``node_modules``."""
    if (folder / "package.json").is_file():
        yield folder
        folder = folder / "node_modules"
    if not depth or not folder.is_dir():
        return
    for name in _names(folder):
        if not name.startswith(".") and (folder / name).is_dir():
            yield from _packages(folder / name, depth - 1)


def _release_of(package: Path) -> SdkRelease | None:
    try:
        described = json.loads((package / "package.json").read_bytes())
    except ValueError:
        return None
    if not isinstance(described, dict):
        return None
    name, version = PACKAGES.get(str(described.get("name"))), described.get("version")
    if name is None or not isinstance(version, str) or not _NAME.fullmatch(version):
        return None
    return SdkRelease(name, version)


def _bundles(package: Path, release: SdkRelease) -> list[Path]:
    name = next(name for name, short in PACKAGES.items() if short == release.name)
    for build in _BUILDS:
        found = [
            file
            for suffix in (".js", ".min.js", ".js.map", ".min.js.map")
            if (file := package / build / f"{name}{suffix}").is_file()
        ]
        if found:
            return found
    return []
