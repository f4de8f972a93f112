"""The Node test project: installed once, and its absence is reported clearly."""

from __future__ import annotations

from pathlib import Path

import pytest

import contract
from contract import node_project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a Node project, on a machine whose `npm` only notes its calls, and fails when the project is set
    so.
    """
    tools, folder = tmp_path / "tools", tmp_path / "project"
    tools.mkdir()
    folder.mkdir()
    (tools / "node").write_text("#!/bin/sh\n")
    (tools / "npm").write_text(
        '#!/bin/sh\necho "$@" >> calls\n[ -e broken ] && echo no network >&2 && exit 3\n'
        "/bin/mkdir -p node_modules\n"
    )
    for tool in tools.iterdir():
        tool.chmod(0o755)
    (folder / "package-lock.json").write_text("{}")
    monkeypatch.setenv("PATH", str(tools))
    return folder


def test_packages_are_installed_once_per_lock_file(project: Path) -> None:
    assert contract.install(project) == project / "node_modules"
    contract.install(project)
    calls = (project / "calls").read_text().splitlines()
    assert len(calls) == 1
    assert calls[0].startswith("ci ")
    (project / "package-lock.json").write_text("{ }")
    contract.install(project)
    assert len((project / "calls").read_text().splitlines()) == 2


def test_a_failed_install_tells_why_and_is_tried_again(project: Path) -> None:
    (project / "broken").touch()
    with pytest.raises(contract.InstallFailed, match="no network"):
        contract.install(project)
    (project / "broken").unlink()
    assert contract.install(project).is_dir()


def test_without_node_a_test_is_skipped_but_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(node_project, "node_modules", lambda: contract.install(node_project.PROJECT))
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="Node is missing"):
        contract.require_node()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="Node is missing"):
        contract.require_node()


@pytest.mark.parametrize("broken", [False, True])
def test_an_install_that_is_begun_early_leaves_errors_to_the_tests(
    project: Path, monkeypatch: pytest.MonkeyPatch, broken: bool
) -> None:
    monkeypatch.setattr(node_project, "PROJECT", project)
    if broken:
        (project / "broken").touch()
    node_project.begin_install().join()
    assert (project / "node_modules").is_dir() is not broken
    if broken:
        with pytest.raises(contract.InstallFailed, match="no network"):
            contract.install(project)
