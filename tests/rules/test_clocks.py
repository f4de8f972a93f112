"""Time has one source: what decides by time or stores it reads the node's ``Clock``, never a clock of the machine."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from rules.source import Source, report

WALL = frozenset({"time", "time_ns", "localtime", "gmtime", "ctime", "asctime", "strftime"})
"""Functions of the module ``time`` that read the wall clock; without an argument all of them do."""
NOW = frozenset({"now", "utcnow", "today"})
"""Functions of ``datetime`` and ``date`` that read the wall clock."""
SYSTEM_CLOCK = "system_clock"

READERS = {
    "src/trunkline/core/clock.py": "the one reading of the wall clock",
    "src/trunkline/core/telemetry.py": "lines of the log have the machine's time",
}
"""Modules that may read the wall clock of the machine, and why."""

USERS = {
    "src/trunkline/core/clock.py": "its definition",
    "src/trunkline/core/database_clock.py": "compared with the database's",
    "src/trunkline/app/data.py": "the CA on the command line, beside no database",
    "src/trunkline/app/products.py": "manifests for commands, which run nothing",
    "src/trunkline/switch/authority.py": "the CA on the command line, beside no database",
    "src/trunkline/cli/carrier.py": "a carrier that is tried, beside no database",
    "src/trunkline/cli/doctor/authority.py": "the CA's certificate, beside no database",
    "src/trunkline/cli/doctor/database.py": "SQLite's clock",
}
"""Modules that may name ``system_clock``, and why."""


def wall_clocks(source: Source) -> Iterator[str]:
    """Yield each use of a clock of the machine outside the modules that may have it."""
    if not any(word in source.text for word in ("import time", "from time", "datetime", SYSTEM_CLOCK)):
        return
    modules, functions = _imports(source)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in WALL | NOW:
            owner = ast.unparse(node.value)
            named = modules.get(owner) == "time" and node.attr in WALL
            dated = node.attr in NOW and owner.rpartition(".")[2] in functions | {"datetime", "date"}
            if (named or dated) and source.path not in READERS:
                yield source.at(node.lineno, f"{owner}.{node.attr} bypasses the node's clock")
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            names = WALL & {alias.name for alias in node.names}
            if names and source.path not in READERS:
                yield source.at(node.lineno, f"time.{min(names)} bypasses the node's clock")
        elif isinstance(node, ast.Name) and node.id == SYSTEM_CLOCK and source.path not in USERS:
            yield source.at(node.lineno, "system_clock bypasses the node's clock")


def _imports(source: Source) -> tuple[dict[str, str], set[str]]:
    """Return the names of imported modules, and the names under which ``datetime`` and ``date`` are imported."""
    modules, classes = {}, set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            modules |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "datetime":
            classes |= {alias.asname or alias.name for alias in node.names}
    return modules, classes


def test_nothing_bypasses_the_clock_of_the_node() -> None:
    assert not (found := report(wall_clocks, "src")), found


def test_each_exception_is_needed() -> None:
    for path in READERS.keys() | USERS.keys():
        one = Source.of("src/trunkline/x.py", open_text(path))
        assert list(wall_clocks(one)) or "def system_clock" in one.text, path


def open_text(path: str) -> str:
    """Return the text of a module."""
    from rules.source import ROOT

    return (ROOT / path).read_text("utf-8")


@pytest.mark.parametrize(
    "text",
    [
        "import time\nx = time.time()",
        "import time as clock\nx = clock.time_ns()",
        "from time import time\nx = time()",
        "from time import time_ns as now\nx = now()",
        "import datetime\nx = datetime.datetime.now(datetime.UTC)",
        "from datetime import datetime, UTC\nx = datetime.now(UTC)",
        "from datetime import datetime as dt\nx = dt.utcnow()",
        "from datetime import date\nx = date.today()",
        "from trunkline.core.clock import system_clock\ndef f(clock=system_clock): ...",
        "import time\nf(default=time.time)",
    ],
)
def test_it_finds(text: str) -> None:
    assert list(wall_clocks(Source.of("src/trunkline/x.py", text)))


@pytest.mark.parametrize(
    "text",
    [
        "import time\nx = time.monotonic() + time.perf_counter()",
        "from time import monotonic\nx = monotonic()",
        "from datetime import datetime\nx = datetime.fromtimestamp(clock(), UTC)",
        "x = clock.now()",
        "loop.time()",
        "tx.now",
    ],
)
def test_it_allows(text: str) -> None:
    assert not list(wall_clocks(Source.of("src/trunkline/x.py", text)))
