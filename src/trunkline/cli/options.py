"""From ``Settings`` to command-line options: each is declared once, in ``settings.py``."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer

from trunkline.settings import BadSetting, Settings, load

F = TypeVar("F", bound=Callable[..., None])


def fail(message: str) -> typer.Exit:
    """Print ``message`` to standard error and answer the exit with code 1 to raise."""
    typer.echo(f"trunkline: {message}", err=True)
    return typer.Exit(1)


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give ``command(settings, …)`` an option for every setting; its other parameters stay as they are."""
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    options = [_parameter(item) for item in dataclasses.fields(Settings)]

    def wrapped(**values: Any) -> None:
        flags = {item.name: values.pop(item.name) for item in dataclasses.fields(Settings)}
        try:
            settings = load(flags)
        except BadSetting as error:
            raise fail(str(error)) from None
        command(settings, **values)

    parameters = [own_one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for own_one in own] + options
    wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {one.name: one.annotation for one in parameters}
    wrapped.__name__, wrapped.__doc__ = command.__name__, command.__doc__
    return wrapped


def _parameter(item: dataclasses.Field[Any]) -> inspect.Parameter:
    flag = "--" + item.name.replace("_", "-")
    names = (f"{flag}/--no-{flag[2:]}",) if item.type == "bool" else (flag,)
    default = "a secret" if item.metadata["secret"] else item.default
    shown = "" if default in ("", "a secret") else f" [default: {default}]"
    kind: Any = (bool | None) if item.type == "bool" else (str | None)
    option = typer.Option(*names, help=item.metadata["help"] + shown, show_default=False)
    return inspect.Parameter(
        item.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, option]
    )
