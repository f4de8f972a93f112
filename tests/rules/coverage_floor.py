"""The floor of coverage, by line and branch: 100 % for each pure module, 95 % for the rest together.

``make test`` measures with ``coverage_probes``, and then runs this. It measures the processes of pytest alone: what
only a server of the tests runs counts as uncovered.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from rules.source import ROOT
from rules.test_imports import PURE_MODULES

REST = 95.0
PACKAGE = "src/trunkline/"
RESULT = ROOT / ".tools" / "coverage.json"

Coverage = Mapping[str, Any]
"""The coverage of a module: its executed and missing lines and branches, as SlipCover's JSON has them."""


def _module(path: str) -> str:
    return path.removeprefix("src/").removesuffix(".py").replace("/", ".")


def _percentage(modules: list[Coverage]) -> float:
    """Return the percentage of lines and branches that were executed."""
    executed = sum(len(one["executed_lines"]) + len(one["executed_branches"]) for one in modules)
    missing = sum(len(one["missing_lines"]) + len(one["missing_branches"]) for one in modules)
    return 100.0 if not executed + missing else 100.0 * executed / (executed + missing)


def _missing(module: Coverage) -> str:
    """Return the lines and branches that were not executed; a branch to 0 leaves its function."""
    lines = module["missing_lines"]
    branches = [
        f"{start}->{end}"
        for start, end in module["missing_branches"]
        if start not in lines and end not in lines
    ]
    return ", ".join([*map(str, lines), *branches])


def offences(files: Mapping[str, Coverage], pure: set[str]) -> Iterator[str]:
    """Yield the pure modules below 100 %, and the rest if it is below the floor, the least covered first."""
    rest = {path: one for path, one in files.items() if _module(path) not in pure}
    for path, one in sorted(files.items()):
        if _module(path) in pure and (percentage := _percentage([one])) < 100:
            yield f"{path}: {percentage:.1f} %, a pure module has 100 %; missing: {_missing(one)}"
    if (percentage := _percentage(list(rest.values()))) < REST:
        yield f"{percentage:.1f} % of what is not pure, at least {REST:.0f} %; the least covered:"
        least = sorted(rest.items(), key=lambda item: (_percentage([item[1]]), item[0]))
        yield from (f"  {path}: {_percentage([one]):.1f} %" for path, one in least[:20])


def main() -> int:
    """Print the figures of the last run and what is below a floor, and return 1 if anything is."""
    measured: dict[str, Coverage] = json.loads(RESULT.read_text("utf-8"))["files"]
    files = {path: one for path, one in measured.items() if path.startswith(PACKAGE)}
    found = list(offences(files, PURE_MODULES))
    pure = [one for path, one in files.items() if _module(path) in PURE_MODULES]
    rest = [one for path, one in files.items() if _module(path) not in PURE_MODULES]
    print(
        f"coverage by line and branch: pure modules {_percentage(pure):.1f} %, the rest {_percentage(rest):.1f} %"
    )
    print("\n".join(found), end="\n" * bool(found))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
