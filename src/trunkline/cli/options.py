"""Command-line options from the settings, which declare each option once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from trunkline.cli.errors import fail
from trunkline.settings import OPTIONS
from trunkline.settings.loading import load
from trunkline.settings.option import Option, as_text, flag, variable
from trunkline.settings.values import BadSetting

Command = Callable[..., None]

DATA = ("data_dir", "database_url", "master_key")
"""The options that locate the stored data, for commands that need no others."""


def with_settings(*names: str) -> Callable[[Command], Command]:
    """Return a decorator that gives ``command(settings, …)`` a flag for each named option, or for every one. Its other
    parameters stay as they are. The environment and the file set all options in any case."""

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
    """Return a decorator like ``with_settings`` for a command that loads the settings itself, from the flags."""
    return lambda command: _wrapped(command, command, names)


def _wrapped(command: Command, call: Command, names: tuple[str, ...]) -> Command:
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    chosen = [option for name, option in OPTIONS.items() if not names or name in names]

    def wrapped(**values: Any) -> None:
        flags = {option.name: values.pop(option.name) for option in chosen}
        call(flags, **values)

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [*(one.replace(kind=keyword) for one in own), *map(_parameter, chosen)]
    wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {one.name: one.annotation for one in parameters}
    wrapped.__name__, wrapped.__doc__ = command.__name__, command.__doc__
    return wrapped


def _parameter(option: Option) -> inspect.Parameter:
    name = flag(option.name)
    names = (f"{name}/--no-{name[2:]}",) if option.is_switch else (name,)
    no_default = option.secret or option.default in ("", ())
    default = "" if no_default else f"; default: {as_text(option.default)}"
    kind: Any = (bool | None) if option.is_switch else (str | None)
    declared = typer.Option(
        *names, help=f"{option.help} ({variable(option.name)}{default})", show_default=False
    )
    return inspect.Parameter(
        option.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, declared]
    )
