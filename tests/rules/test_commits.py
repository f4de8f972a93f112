"""The subject of a commit: an imperative sentence of at most 72 characters."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rules.source import ROOT
from rules.verbs import THIRD_PERSON

LENGTH = 72
SINCE = "2026-12-01T02:40:00Z"
"""Commits before it were made when nothing checked them."""

INFLECTED = re.compile(
    r"(?!(?:Embed|Feed|Need|Seed|Shed|Speed|Bring|Ping|Ring|Sing|Spring|String)\b)\w+(?:ed|ing)\b"
)


def offences(subject: str) -> Iterator[str]:
    """Yield the reasons why ``subject`` is none; those that git writes for a merge or a revert are left alone."""
    if subject.startswith(("Merge ", 'Revert "')):
        return
    first = subject.split(" ", maxsplit=1)[0]
    if len(subject) > LENGTH:
        yield f"{len(subject)} characters, at most {LENGTH}"
    if not first[:1].isupper() or ":" in first:
        yield "does not begin with a capital letter and a verb"
    if INFLECTED.match(first) or first in THIRD_PERSON:
        yield f"is not in the imperative: {first}"
    if subject.endswith("."):
        yield "ends with a full stop"


def _subjects(root: Path) -> list[tuple[str, str]]:
    """Return id and subject of the commits since ``SINCE`` of the repository at ``root``; none where there is no git,
    or where ``root`` is not the top of a repository: then the log is that of another project."""
    command = ["git", "-C", str(root), "log", f"--since={SINCE}", "--no-merges", "--format=%h %s"]
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(root.parent)}
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    except (OSError, subprocess.CalledProcessError):
        return []
    return [
        (line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in done.stdout.splitlines() if " " in line
    ]


def test_subjects_are_imperative_and_short() -> None:
    found = [f"{commit} {subject}: {one}" for commit, subject in _subjects(ROOT) for one in offences(subject)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "subject",
    [
        "Store " + 67 * "x",
        "Added a table of floors",
        "Adding a table of floors",
        "Returns the sender",
        "add a table",
        "feat: a table",
        "Add a table.",
        "",
    ],
)
def test_another_subject_is_caught(subject: str) -> None:
    assert list(offences(subject))


@pytest.mark.parametrize(
    "subject",
    [
        "Store " + 66 * "x",
        "Feed the parser",
        "Ping idle clients",
        "Page lists of maps by key",
        'Revert "Added"',
    ],
)
def test_an_imperative_subject_passes(subject: str) -> None:
    assert list(offences(subject)) == []


def test_the_log_of_a_surrounding_repository_is_left_alone(tmp_path: Path) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    git = ["git", "-C", str(tmp_path), *identity]
    subprocess.run([*git, "init", "-q"], check=True)
    date = {**os.environ, "GIT_COMMITTER_DATE": "2026-12-02T00:00:00Z"}
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "added a copy."], check=True, env=date)
    (tmp_path / "copy").mkdir()
    assert [subject for _, subject in _subjects(tmp_path)] == ["added a copy."]
    assert _subjects(tmp_path / "copy") == []
