"""The output of commands."""

from __future__ import annotations

import pytest

from trunkline.cli.printing import print_json, print_pairs, print_table, printable


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
    print_pairs({"A": "1", "Long": "2"})
    assert capsys.readouterr().out == "A     1\nLong  2\n"


def test_json_is_indented(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": ["ü"]})
    assert capsys.readouterr().out == '{\n  "a": [\n    "ü"\n  ]\n}\n'
