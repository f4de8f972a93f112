"""Output of commands: JSON for machines, pairs and tables for people."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
"""The option that every printing command has."""

_WIDE = 200


def print_json(value: Any) -> None:
    """Print ``value`` as indented JSON."""
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(value, enc_hook=str)).decode())


def print_pairs(pairs: Mapping[str, str]) -> None:
    """Print names and values below each other."""
    width = max(map(len, pairs))
    for name, value in pairs.items():
        typer.echo(f"{name:{width}}  {printable(value) or 'none'}")


def print_fields(fields: Mapping[str, Any]) -> None:
    """Print the fields of a JSON object below each other, those that are set."""
    print_pairs({label(name): as_shown(value) for name, value in fields.items() if value not in (None, "")})


def label(name: str) -> str:
    """Return a field's name as people read it."""
    return name.replace("_", " ").capitalize()


def as_shown(value: Any) -> str:
    """Return a value of JSON as people read it."""
    match value:
        case None | "":
            return "none"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case list() | tuple():
            return ", ".join(map(as_shown, value)) or "none"
        case dict():
            return ", ".join(f"{name} {as_shown(one)}" for name, one in value.items()) or "none"
    return str(value)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, its long cells folded; a pipe gets wide lines."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    Console(width=None if sys.stdout.isatty() else _WIDE).print(table)


def printable(text: str) -> str:
    """Return the text without control characters, which a terminal would execute: names may come from anywhere."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
