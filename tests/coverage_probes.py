"""The measurement of coverage, as a plugin of pytest: ``-p tests.coverage_probes`` writes ``.tools/coverage.json``.

SlipCover puts a probe into each line and branch of ``trunkline`` as it is imported, and each probe removes itself when
it fires: so it costs little, where a tracer costs as much as the tests. SlipCover's own plugin keeps its probes for
long. Each process of pytest-xdist writes what it executed when it ends; the one that started them joins it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import slipcover

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / ".tools" / "coverage.json"
SOURCE = [str(ROOT / "src" / "trunkline")]
EXCLUDED = (r"^\s*\.\.\.$", "assert_never\\(", "raise NotImplementedError", "^except ImportError:$")
"""The lines that need not be executed: bodies of a Protocol, branches that exist for the type checker alone, and what
stands in for a compiled extension."""

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")

# The modules that were never imported are added once, by the process that joins the others.
_probes = slipcover.Slipcover(
    immediate=True, branch=True, source=None if WORKER else SOURCE, exclude_also=list(EXCLUDED)
)
# This module is imported before any test, and so before ``trunkline``.
slipcover.ImportManager(_probes, slipcover.FileMatcher(sources=SOURCE)).__enter__()


def _part(worker: str) -> Path:
    return RESULT.with_name(f"coverage-{worker}.json")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write this process's coverage, or join that of all processes."""
    RESULT.parent.mkdir(exist_ok=True)
    if WORKER:
        _part(WORKER).write_text(json.dumps(_probes.get_coverage()), "utf-8")
        return
    whole = _probes.get_coverage()
    for number in range(int(getattr(session.config.option, "numprocesses", 0) or 0)):
        part = _part(f"gw{number}")
        if part.exists():
            slipcover.merge_coverage(whole, json.loads(part.read_text("utf-8")))
            part.unlink()
    RESULT.write_text(json.dumps(whole), "utf-8")
