"""The effective settings, read from command line, environment, file and defaults, and checked."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from trunkline.settings import GROUPS, OPTIONS, Settings
from trunkline.settings.option import PREFIX, flag, variable
from trunkline.settings.values import BadSetting, nearest

FILE = "trunkline.toml"


class ValueSource(Enum):
    """The place that a value comes from; the first one that has it counts."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


@dataclass(frozen=True)
class ValueOrigin:
    """The source of one value, and the name of the flag or variable, or of the file and table; no name for a
    default."""

    source: ValueSource
    name: str = ""

    def __str__(self) -> str:
        """Return the form for people."""
        return f"{self.source.value} {self.name}".rstrip()


@dataclass(frozen=True)
class EffectiveSettings:
    """The settings, and the origin of each value by the option's name."""

    settings: Settings
    origins: dict[str, ValueOrigin]


def load(flags: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the effective settings; ``flags`` holds the values of the command line. Raise BadSetting if a value or
    the file cannot be used."""
    return effective(flags, environment).settings


def effective(flags: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> EffectiveSettings:
    """Return the effective settings with the origins. Raise BadSetting as ``load`` does."""
    in_file = _read_file(environment)
    values, origins = {}, {}
    for name, option in OPTIONS.items():
        candidates = (
            (flags.get(name), ValueOrigin(ValueSource.FLAG, flag(name))),
            (environment.get(variable(name)), ValueOrigin(ValueSource.ENVIRONMENT, variable(name))),
            in_file.get(name, (None, ValueOrigin(ValueSource.FILE))),
        )
        value, origin = next(
            (one for one in candidates if one[0] is not None), (None, ValueOrigin(ValueSource.DEFAULT))
        )
        origins[name] = origin
        if value is not None:
            values[name] = option.convert(value, str(origin))
    try:
        return EffectiveSettings(Settings.of(**values), origins)
    except BadSetting as error:
        raise BadSetting(f"{error} ({origins[error.option]})", error.option) from None


def settings_file(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the file of the settings, if there is one. Raise BadSetting if the named one is missing."""
    named = environment.get(f"{PREFIX}CONFIG")
    path = Path(named or FILE)
    if path.is_file():
        return path
    if named:
        raise BadSetting(f"{PREFIX}CONFIG names {named}, which is not a file")
    return None


def secrets_in_file(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the names of the secret options that the file sets. Raise BadSetting as ``load`` does."""
    return sorted(
        name for name, (value, _) in _read_file(environment).items() if value and OPTIONS[name].secret
    )


def _read_file(environment: Mapping[str, str]) -> dict[str, tuple[Any, ValueOrigin]]:
    """Return the values of the file, with the table of each. Raise BadSetting if it cannot be read, or has an unknown
    table or option, or an option twice or in the table of another group."""
    path = settings_file(environment)
    if path is None:
        return {}
    try:
        document = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise BadSetting(f"{path}: {error}") from None
    tables = {name: document.pop(name) for name in GROUPS if name in document}
    if wrong := [name for name, table in tables.items() if not isinstance(table, dict)]:
        raise BadSetting(f"{path}: {wrong[0]} must be a table, [{wrong[0]}]")
    _refuse_unknown(path, document, tables)
    values = {name: (value, ValueOrigin(ValueSource.FILE, str(path))) for name, value in document.items()}
    for group, table in tables.items():
        for name, value in table.items():
            if OPTIONS[name].group != group:
                raise BadSetting(f"{path}: {name} belongs to [{OPTIONS[name].group}], not to [{group}]")
            if name in values:
                raise BadSetting(f"{path} has {name} twice: at the top and in [{group}]")
            values[name] = (value, ValueOrigin(ValueSource.FILE, f"{path} [{group}]"))
    return values


def _refuse_unknown(path: Path, document: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]]) -> None:
    unknown = [("", name) for name in sorted(set(document) - set(OPTIONS))]
    unknown += [
        (f"[{group}] ", name) for group, table in tables.items() for name in table if name not in OPTIONS
    ]
    if unknown:
        names = ", ".join(place + name for place, name in unknown)
        allowed = [*OPTIONS, *(f"[{group}]" for group in GROUPS)]
        found = ", ".join(nearest([name for _, name in unknown], allowed))
        raise BadSetting(
            f"{path} has unknown options: {names}" + (f"; did you mean {found}?" if found else "")
        )
