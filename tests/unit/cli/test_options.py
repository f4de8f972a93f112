"""The command line's options and commands, and what a start imports."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

from servers import clean_environment
from trunkline.cli import COMMANDS
from trunkline.cli.options import DATA, with_flags, with_settings
from trunkline.settings import OPTIONS, Settings
from trunkline.settings.option import as_text, flag, variable
from unit.cli.conftest import Cli


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set a terminal in which help is not folded."""
    monkeypatch.setenv("COLUMNS", "1000")


@pytest.mark.usefixtures("wide")
def test_every_setting_is_an_option_of_serve_and_explained(cli: Cli) -> None:
    shown = cli("serve", "--help").out
    for item in OPTIONS.values():
        assert f"{flag(item.name)} " in shown
        assert item.help in shown
        assert variable(item.name) in shown
        if not item.secret and item.default not in ("", ()):
            assert f"({variable(item.name)}; default: {as_text(item.default)})" in shown
        if item.is_switch:
            assert f"--no-{flag(item.name)[2:]} " in shown


@pytest.mark.usefixtures("wide")
def test_a_command_has_only_the_options_that_it_needs(cli: Cli) -> None:
    shown = cli("account", "list", "--help").out
    assert {item.name for item in OPTIONS.values() if f"{flag(item.name)} " in shown} == set(DATA)


@pytest.mark.usefixtures("wide")
def test_help_shows_every_command(cli: Cli) -> None:
    shown = cli("--help").out
    assert [name for name in COMMANDS if f" {name} " in shown] == list(COMMANDS)
    for name in COMMANDS:
        assert cli(name, "--help").code == 0


def test_the_version_is_told(cli: Cli) -> None:
    assert cli("--version").out == f"trunkline {version('trunkline')}\n"


@pytest.mark.parametrize("arguments", [("no-such",), ("serve", "--no-such"), ("account", "no-such")])
def test_what_is_unknown_is_a_mistake_in_usage(cli: Cli, arguments: tuple[str, ...]) -> None:
    assert cli(*arguments).code == 2


def test_settings_reach_the_command_with_its_own_options(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setenv("TRUNKLINE_HOST", "::1")

    def command(settings: Settings, own: int = 7) -> None:
        seen.append((settings.server.port, settings.server.host, own))

    with_settings("port")(command)(port="99", own=8)
    assert seen == [(99, "::1", 8)]


def test_flags_reach_a_command_that_loads_by_itself() -> None:
    seen: list[object] = []

    def command(flags: dict[str, object]) -> None:
        seen.append(flags)

    with_flags("port", "dev")(command)(port="99", dev=None)
    assert seen == [{"port": "99", "dev": None}]


def _imported(*arguments: str) -> set[str]:
    """Return the modules that a command imports, in a fresh interpreter."""
    program = (
        "import sys; from trunkline.cli import build\n"
        f"try: build({arguments[0]!r})({list(arguments)!r}, prog_name='trunkline')\n"
        "except SystemExit: pass\n"
        "print('imported', *sorted(sys.modules))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], env=clean_environment(), capture_output=True, text=True, check=True
    )
    return set(ran.stdout.splitlines()[-1].split()[1:])


def test_a_start_of_the_server_imports_nothing_that_it_does_not_need() -> None:
    imported = _imported("serve", "--port", "x")
    others = {f"trunkline.cli.{name}" for name in COMMANDS} - {"trunkline.cli.serve"}
    slow = {"asyncpg", "nats", "rich.console", "rich.table"}
    assert "trunkline.app" in imported
    assert imported & (others | slow) == set()


def test_config_does_not_import_the_server() -> None:
    assert "trunkline.app" not in _imported("config", "--json")
