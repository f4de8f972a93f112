"""``trunkline config``: the effective settings and where they came from, without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trunkline.cli.errors import fail
from trunkline.cli.options import with_flags
from trunkline.cli.printing import AsJson, print_json, print_table
from trunkline.settings.loading import effective
from trunkline.settings.option import as_text
from trunkline.settings.values import BadSetting


@with_flags()
def run(flags: Mapping[str, Any], as_json: AsJson = False) -> None:
    """Print the effective settings, without secrets, and where each value came from."""
    try:
        found = effective(flags)
    except BadSetting as error:
        raise fail(str(error)) from None
    shown = found.settings.printable()
    if as_json:
        print_json(
            {
                name: {
                    "value": value,
                    "source": found.origins[name].source.value,
                    "name": found.origins[name].name,
                }
                for name, value in shown.items()
            }
        )
        return
    print_table(
        ("OPTION", "VALUE", "FROM"),
        [(name, as_text(value), str(found.origins[name])) for name, value in shown.items()],
    )
