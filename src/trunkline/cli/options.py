"""From ``Settings`` to command-line options: each is declared once, in ``settings.py``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from typing import Annotated, Any

import typer

from trunkline.cli.failure import fail
from trunkline.settings import BadSetting, Settings, as_text, flag, load, variable

Command = Callable[..., None]

DATA = ("data_dir", "database_url", "master_key")
"""The settings that lead to the stored data, for commands that need no others."""


def with_settings(*names: str) -> Callable[[Command], Command]:
    """Give ``command(settings, …)`` an option for each named setting, or for every one; its other parameters
    stay as they are. The environment and the file count for all settings in any case."""

    def decorate(command: Command) -> Command:
        def from_flags(flags: Mapping[str, Any], **values: Any) -> None:
            try:
                settings = load(flags)
            except BadSetting as error:
                raise fail(str(error)) from None
            command(settings, **values)

        return _wrapped(command, from_flags, names)

    return decorate


def with_flags(*names: str) -> Callable[[Command], Command]:
    """As ``with_settings``, for a command that loads the settings itself: it gets what the flags said."""
    return lambda command: _wrapped(command, command, names)


def _wrapped(command: Command, call: Command, names: tuple[str, ...]) -> Command:
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    chosen = [item for item in fields(Settings) if not names or item.name in names]

    def wrapped(**values: Any) -> None:
        flags = {item.name: values.pop(item.name) for item in chosen}
        call(flags, **values)

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [*(one.replace(kind=keyword) for one in own), *(_parameter(item) for item in chosen)]
    wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {one.name: one.annotation for one in parameters}
    wrapped.__name__, wrapped.__doc__ = command.__name__, command.__doc__
    return wrapped


def _parameter(item: Field[Any]) -> inspect.Parameter:
    name = flag(item.name)
    names = (f"{name}/--no-{name[2:]}",) if item.type == "bool" else (name,)
    unsaid = item.metadata["secret"] or item.default in ("", ())
    default = "" if unsaid else f"; default: {as_text(item.default)}"
    kind: Any = (bool | None) if item.type == "bool" else (str | None)
    option = typer.Option(
        *names, help=f"{item.metadata['help']} ({variable(item.name)}{default})", show_default=False
    )
    return inspect.Parameter(
        item.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, option]
    )
