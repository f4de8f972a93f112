"""Each of the forty questions has its module, and the module what the question is about."""

from __future__ import annotations

import re

import pytest

from rules.questions import QUESTIONS
from rules.source import ROOT


def test_there_are_forty_questions_with_a_module_each() -> None:
    assert len({question for question, _, _ in QUESTIONS}) == 40
    assert len({module for _, module, _ in QUESTIONS}) == 40


@pytest.mark.parametrize(("question", "module", "pattern"), QUESTIONS)
def test_the_question_has_its_module(question: str, module: str, pattern: str) -> None:
    path = ROOT / "src" / "trunkline" / module
    assert path.exists(), f"{question} {module} is gone: name the module that has it now"
    assert re.search(pattern, path.read_text("utf-8")), f"{question} {module} does not match {pattern}"
