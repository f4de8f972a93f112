"""The code blocks of the README and of the documentation, run against a server."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from contract import require_node
from rules.documents import BadDocument, Block, Language, blocks
from rules.source import ROOT, files
from rules.walkthrough import BlockFailed, Walkthrough, commands
from servers import Server, clean_environment

DOCUMENTS = [ROOT / "README.md", *files("docs", ".md")]

FOR_DEVELOPMENT = 'make run ARGS="--dev"'
"""A page that has its reader start the server like this is followed against one that calls apps on this machine."""

NOWHERE = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "localhost,127.0.0.1,::1",
}
"""A proxy that is not there: what a block sends beyond this machine fails, instead of reaching the real service."""


def _environment() -> dict[str, str]:
    """Return a reader's environment: the commands of the test environment come first."""
    clean = clean_environment()
    return {
        **clean,
        **NOWHERE,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{clean.get('PATH', os.defpath)}",
    }


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_document_holds(path: Path, tmp_path: Path) -> None:
    text = path.read_text("utf-8")
    found = blocks(path.relative_to(ROOT).as_posix(), text)
    folder = tmp_path / "reader"
    folder.mkdir()
    if any(block.runs and block.language is Language.JAVASCRIPT for block in found):
        (folder / "node_modules").symlink_to(require_node(), target_is_directory=True)
    if not any(block.runs for block in found):
        _follow(found, Walkthrough(folder, "", "", _environment()))
        return
    with Server(tmp_path, *(["--dev"] if FOR_DEVELOPMENT in text else [])) as server:
        environment = {**_environment(), **server.client_environment}
        _follow(found, Walkthrough(folder, server.url, server.proxy_url, environment))


def _follow(found: list[Block], walk: Walkthrough) -> None:
    with closing(walk):
        for block in found:
            walk.follow(block)


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walkthrough]:
    with closing(
        Walkthrough(tmp_path, "http://127.0.0.1:4100", "http://127.0.0.1:4101", _environment())
    ) as reader:
        yield reader


def _block(language: Language, text: str) -> Block:
    return Block("x.md:1", language, text)


def test_blocks_are_found_with_their_annotations() -> None:
    text = """
Text with `code` and ```inline``` fences.

```bash
echo 1
```

1. A list:
   <!-- test: env A=b c -->
   ```python
   if True:
       print(1)
   ```

<!-- test: env A=1 -->
<!-- test: skip because it needs root -->
~~~~js title="x"
~~~
```
~~~~
"""
    assert blocks("x.md", text) == [
        Block("x.md:4", Language.SHELL, "echo 1\n"),
        Block("x.md:10", Language.PYTHON, "if True:\n    print(1)\n", env={"A": "b c"}),
        Block("x.md:17", Language.JAVASCRIPT, "~~~\n```\n", skip=True, env={"A": "1"}),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "```\nx\n```",
        "```ruby\nx\n```",
        "```bash\nx\n",
        "```bash\nx\n``",
        "<!-- test: skip because it is slow -->\n```bash\nx\n```",
        "<!-- test: skip -->\n```bash\nx\n```",
        "<!-- test: it needs root -->\n```bash\nx\n```",
        "<!-- test: env A -->\n```bash\nx\n```",
        "<!-- test: env A=1 -->\n\n```bash\nx\n```",
        "```bash\nx\n```\n<!-- test: env A=1 -->",
    ],
)
def test_a_block_that_cannot_be_understood_is_caught(text: str) -> None:
    with pytest.raises(BadDocument):
        blocks("x.md", text)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (Language.SHELL, "false\ntrue"),
        (Language.SHELL, "false | true"),
        (Language.SHELL, "echo $NOT_SET_ANYWHERE"),
        (Language.CONSOLE, "$ true\n$ false\n"),
        (Language.PYTHON, "raise SystemExit(3)"),
        (Language.PYTHON, "import no_such_module_anywhere"),
        (Language.JSON, "{'a': 1}"),
        (Language.TOML, "a = "),
        (Language.INI, "no section"),
    ],
)
def test_a_block_that_does_not_hold_is_caught(walk: Walkthrough, language: Language, text: str) -> None:
    with pytest.raises(BlockFailed, match=r"^x\.md:1: "):
        walk.follow(_block(language, text))


def test_a_block_without_an_end_is_caught(walk: Walkthrough) -> None:
    walk.seconds = 0.2
    with pytest.raises(BlockFailed, match="did not end"):
        walk.follow(_block(Language.SHELL, "read -r line < <(tail -f /dev/null)"))


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (Language.JSON, '{"a": 1}'),
        (Language.TOML, "a = 1"),
        (Language.INI, "[Service]\nExecStart=trunkline serve\nEnvironment=A=1\nEnvironment=B=%h"),
        (Language.YAML, "a: 1"),
        (Language.TEXT, "anything"),
    ],
)
def test_what_is_not_run_is_parsed(walk: Walkthrough, language: Language, text: str) -> None:
    walk.follow(_block(language, text))
    assert list(walk.folder.iterdir()) == []


def test_blocks_share_a_folder_and_what_they_export(walk: Walkthrough) -> None:
    walk.follow(_block(Language.SHELL, "export NAME=$'two\\nlines'\nPRIVATE=1\necho '1' >one"))
    walk.follow(
        _block(
            Language.PYTHON,
            "import os\n"
            "assert os.environ['NAME'] == 'two\\nlines' and 'PRIVATE' not in os.environ\n"
            "assert open('one').read() == '1\\n'",
        )
    )
    assert not {"SHLVL", "PWD", "_"} & walk.environment.keys()


def test_a_variable_of_one_block_is_set(walk: Walkthrough) -> None:
    block = Block("x.md:1", Language.PYTHON, "import os; assert os.environ['A'] == '1'", env={"A": "1"})
    walk.follow(block)
    assert "A" not in walk.environment


def test_addresses_lead_to_the_running_server(walk: Walkthrough) -> None:
    text = (
        "printf '%s\\n' http://127.0.0.1:8080/x localhost:8081 127.0.0.1:80801 my-localhost:8080 >seen\n"
        'echo "$BASE" >>seen'
    )
    walk.follow(Block("x.md:1", Language.SHELL, text, env={"BASE": "http://localhost:8080"}))
    assert (walk.folder / "seen").read_text().split() == [
        "http://127.0.0.1:4100/x",
        "127.0.0.1:4101",
        "127.0.0.1:80801",
        "my-localhost:8080",
        "http://127.0.0.1:4100",
    ]


def test_a_block_reaches_nothing_beyond_this_machine(walk: Walkthrough) -> None:
    text = """
import urllib.error, urllib.request
try:
    urllib.request.urlopen("http://somewhere.invalid/")
except urllib.error.URLError as error:
    assert isinstance(error.reason, ConnectionRefusedError), error
"""
    walk.follow(_block(Language.PYTHON, text))


def test_a_skipped_block_is_not_run(walk: Walkthrough) -> None:
    walk.follow(Block("x.md:1", Language.SHELL, "false", skip=True))


def test_a_console_block_runs_its_commands_and_not_its_output() -> None:
    assert commands("$ echo a \\\n    b\nfalse\n$ true\n") == "echo a \\\n    b\ntrue\n"


def test_what_a_block_leaves_running_ends_with_the_walk(walk: Walkthrough) -> None:
    os.mkfifo(walk.folder / "held")
    held = os.open(walk.folder / "held", os.O_RDONLY | os.O_NONBLOCK)
    try:
        walk.follow(_block(Language.SHELL, "exec 3>held\ntail -f /dev/null &\necho x >&3"))
        assert os.read(held, 10) == b"x\n"
        with pytest.raises(BlockingIOError):  # somebody holds the other end
            os.read(held, 10)
        walk.close()
        assert select.select([held], [], [], 10)[0]
        assert os.read(held, 10) == b""
    finally:
        os.close(held)
