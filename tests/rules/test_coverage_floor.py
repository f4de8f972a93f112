"""The floor of coverage is 100 % for each pure module and 95 % for the rest together."""

from __future__ import annotations

from rules.coverage_floor import offences


def summary(covered: int, lines: int, branches: int = 0, covered_branches: int = 0) -> dict[str, int]:
    """Return the figures of a module, as coverage reports them."""
    return {
        "covered_lines": covered,
        "num_statements": lines,
        "covered_branches": covered_branches,
        "num_branches": branches,
    }


PURE = {"trunkline.core.rule"}


def test_a_covered_tree_passes() -> None:
    files = {
        "src/trunkline/core/rule.py": summary(10, 10, 4, 4),
        "src/trunkline/core/work.py": summary(100, 100),
        "src/trunkline/app/node.py": summary(92, 100),
        "src/trunkline/core/__init__.py": summary(0, 0),
    }
    assert list(offences(files, PURE)) == []


def test_a_branch_of_a_pure_module_that_never_ran_is_caught() -> None:
    files = {"src/trunkline/core/rule.py": summary(10, 10, 4, 3)}
    assert list(offences(files, PURE)) == ["src/trunkline/core/rule.py: 92.9 %, a pure module has 100 %"]


def test_the_rest_below_its_floor_is_caught_with_the_least_covered_first() -> None:
    files = {"src/trunkline/a.py": summary(99, 100), "src/trunkline/b.py": summary(90, 100)}
    found = list(offences(files, PURE))
    assert found[0].startswith("94.5 %")
    assert found[1:] == ["  src/trunkline/b.py: 90.0 %", "  src/trunkline/a.py: 99.0 %"]
