"""The floor of coverage is 100 % for each pure module and 95 % for the rest together."""

from __future__ import annotations

from typing import Any

from rules.coverage_floor import offences


def module(executed: int, lines: int, branches: int = 0, executed_branches: int = 0) -> dict[str, list[Any]]:
    """Return a module's coverage as SlipCover reports it, of which the first lines and branches were executed."""
    line_numbers = list(range(1, lines + 1))
    jumps = [[line, 0] for line in range(1, branches + 1)]
    return {
        "executed_lines": line_numbers[:executed],
        "missing_lines": line_numbers[executed:],
        "executed_branches": jumps[:executed_branches],
        "missing_branches": jumps[executed_branches:],
    }


PURE = {"trunkline.core.rule"}


def test_a_covered_tree_passes() -> None:
    files = {
        "src/trunkline/core/rule.py": module(10, 10, 4, 4),
        "src/trunkline/core/work.py": module(100, 100),
        "src/trunkline/app/node.py": module(92, 100),
        "src/trunkline/core/__init__.py": module(0, 0),
    }
    assert list(offences(files, PURE)) == []


def test_a_branch_of_a_pure_module_that_never_ran_is_caught() -> None:
    files = {"src/trunkline/core/rule.py": module(10, 10, 4, 3)}
    assert list(offences(files, PURE)) == [
        "src/trunkline/core/rule.py: 92.9 %, a pure module has 100 %; missing: 4->0"
    ]


def test_the_rest_below_its_floor_is_caught_with_the_least_covered_first() -> None:
    files = {"src/trunkline/a.py": module(99, 100), "src/trunkline/b.py": module(90, 100)}
    found = list(offences(files, PURE))
    assert found[0].startswith("94.5 %")
    assert found[1:] == ["  src/trunkline/b.py: 90.0 %", "  src/trunkline/a.py: 99.0 %"]
