"""The floor of coverage, by line and branch: 100 % for each pure module, 95 % for the rest together.

``make coverage`` measures and then runs this. It measures the processes of pytest alone: what only a server of the
tests runs counts as uncovered, since following every server would slow the whole suite down.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from coverage import Coverage

from rules.source import ROOT
from rules.test_imports import PURE_MODULES

REST = 95.0
PACKAGE = "src/trunkline/"

Summary = Mapping[str, Any]


def _module(path: str) -> str:
    return path.removeprefix("src/").removesuffix(".py").replace("/", ".")


def _share(summaries: list[Summary]) -> float:
    """Return the share of lines and branches that ran, in percent."""
    ran = sum(one["covered_lines"] + one.get("covered_branches", 0) for one in summaries)
    there = sum(one["num_statements"] + one.get("num_branches", 0) for one in summaries)
    return 100.0 if not there else 100.0 * ran / there


def offences(files: Mapping[str, Summary], pure: set[str]) -> Iterator[str]:
    """Yield the pure modules below 100 %, and the rest if it is below the floor, the least covered first."""
    rest = {path: one for path, one in files.items() if _module(path) not in pure}
    for path, one in sorted(files.items()):
        if _module(path) in pure and (share := _share([one])) < 100:
            yield f"{path}: {share:.1f} %, a pure module has 100 %"
    if (share := _share(list(rest.values()))) < REST:
        yield f"{share:.1f} % of what is not pure, at least {REST:.0f} %; the least covered:"
        least = sorted(rest.items(), key=lambda item: (_share([item[1]]), item[0]))
        yield from (f"  {path}: {_share([one]):.1f} %" for path, one in least[:20])


def measured() -> dict[str, Summary]:
    """Return the summary of each module of the run that was measured last. Raise CoverageException without one."""
    coverage = Coverage(config_file=str(ROOT / "pyproject.toml"))
    coverage.load()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        coverage.json_report(outfile=str(report))
        found: dict[str, Any] = json.loads(report.read_text("utf-8"))["files"]
    return {path: one["summary"] for path, one in found.items() if path.startswith(PACKAGE)}


def main() -> int:
    """Print the figures and what is below a floor, and return 1 if anything is."""
    files = measured()
    found = list(offences(files, PURE_MODULES))
    pure = [one for path, one in files.items() if _module(path) in PURE_MODULES]
    rest = [one for path, one in files.items() if _module(path) not in PURE_MODULES]
    print(f"coverage by line and branch: pure modules {_share(pure):.1f} %, the rest {_share(rest):.1f} %")
    print("\n".join(found), end="\n" * bool(found))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
