"""The output of commands."""

from __future__ import annotations

import pytest

from trunkline.cli.printing import as_shown, print_fields, print_json, print_pairs, print_table, printable


def test_a_table_keeps_long_cells_whole_and_takes_no_markup(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    print_table(("SID", "NAME"), [("AC" + "a" * 32, "[red]x[/red]" + "y" * 80), ("b", "")])
    heading, first, second = capsys.readouterr().out.splitlines()
    assert heading.split() == ["SID", "NAME"]
    assert first.split() == ["AC" + "a" * 32, "[red]x[/red]" + "y" * 80]
    assert second.split() == ["b"]


def test_a_terminal_is_not_given_orders(capsys: pytest.CaptureFixture[str]) -> None:
    print_pairs({"Name": "a\x1b[2Jb\r\n"})
    assert capsys.readouterr().out == "Name  a\ufffd[2Jb\ufffd\ufffd\n"
    assert printable("Grüße 🎉 日本") == "Grüße 🎉 日本"


def test_pairs_stand_below_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    print_pairs({"A": "1", "Long": "2", "B": ""})
    assert capsys.readouterr().out == "A     1\nLong  2\nB     none\n"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "none"),
        ("", "none"),
        (True, "yes"),
        (False, "no"),
        (3, "3"),
        (0.5, "0.5"),
        (2.0, "2"),
        ([], "none"),
        (["a", None], "a, none"),
        ({}, "none"),
        ({"a": True, "b": [1, 2]}, "a yes, b 1, 2"),
    ],
)
def test_values_are_shown_to_people(value: object, shown: str) -> None:
    assert as_shown(value) == shown


def test_fields_that_are_not_set_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    print_fields({"due_at": 1, "lane": None, "reason": "", "running": False})
    assert capsys.readouterr().out == "Due at   1\nRunning  no\n"


def test_json_is_indented(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": ["ü"]})
    assert capsys.readouterr().out == '{\n  "a": [\n    "ü"\n  ]\n}\n'
