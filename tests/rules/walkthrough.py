"""A document as a reader follows it: its blocks run one after the other in one folder, against one server."""

from __future__ import annotations

import configparser
import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from rules.documents import Block, Language

SECONDS = 120.0
"""The time limit of a block."""

API_PORT, PROXY_PORT = 8080, 8081
"""The ports that documents name: the defaults of the server."""

_KEPT_OUT = {"_", "SHLVL", "PWD", "OLDPWD", "TRUNKLINE_DOCS_ENV"}
_MODULE = re.compile(r"^(import|export)\b", re.MULTILINE)


class BlockFailed(AssertionError):
    """A block did not run or parse; the text names its place and shows what it printed."""


@dataclass
class Walkthrough:
    """One reader: the folder they work in, their environment, and where the server really listens.

    A shell block's exported variables reach the blocks after it. Processes that blocks leave running end with
    ``close``.
    """

    folder: Path
    url: str
    proxy_url: str
    environment: dict[str, str]
    seconds: float = SECONDS
    _groups: list[int] = field(default_factory=list)

    def follow(self, block: Block) -> None:
        """Run or parse a block. Raise BlockFailed."""
        if block.runs:
            self._run(block)
        elif not block.skip and (parse := PARSERS.get(block.language)):
            try:
                parse(block.text)
            except (ValueError, configparser.Error) as error:
                raise BlockFailed(f"{block.place}: is no {block.language.value}: {error}") from error

    def close(self) -> None:
        """End what the blocks left running."""
        for group in self._groups:
            try:
                os.killpg(group, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._groups.clear()

    def _run(self, block: Block) -> None:
        text = self._readdressed(block.text)
        kept = self.folder / ".environment"
        output = self.folder / ".output"
        kept.unlink(missing_ok=True)
        environment = {**self.environment, **block.env, "TRUNKLINE_DOCS_ENV": str(kept)}
        with output.open("wb") as printed:
            process = subprocess.Popen(
                self._command(block.language, text),
                cwd=self.folder,
                env={name: self._readdressed(value) for name, value in environment.items()},
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._groups.append(process.pid)
        try:
            code = process.wait(self.seconds)
            ended = f"ended with {code}" if code else ""
        except subprocess.TimeoutExpired:
            self.close()
            process.wait()
            ended = f"did not end within {self.seconds:.0f} s"
        if ended:
            shown = output.read_text("utf-8", "replace")[-4000:]
            raise BlockFailed(f"{block.place}: the block {ended}\n{text}\nIt printed:\n{shown}")
        if kept.exists():
            pairs = (entry.partition("=") for entry in kept.read_text("utf-8").split("\0") if entry)
            self.environment = {name: value for name, _, value in pairs if name not in _KEPT_OUT}

    def _command(self, language: Language, text: str) -> list[str]:
        match language:
            case Language.PYTHON:
                return [sys.executable, self._written("block.py", text)]
            case Language.JAVASCRIPT:
                return ["node", self._written("block.mjs" if _MODULE.search(text) else "block.cjs", text)]
            case Language.CONSOLE:
                return self._shell(commands(text))
        return self._shell(text)

    def _shell(self, text: str) -> list[str]:
        start = "set -euo pipefail\ntrap 'env -0 >\"$TRUNKLINE_DOCS_ENV\"' EXIT\n"
        return ["bash", self._written("block.sh", start + text)]

    def _written(self, name: str, text: str) -> str:
        path = self.folder / name
        path.write_text(text, "utf-8")
        return str(path)

    def _readdressed(self, text: str) -> str:
        for port, url in ((API_PORT, self.url), (PROXY_PORT, self.proxy_url)):
            text = re.sub(rf"(?<![\w.-])(127\.0\.0\.1|localhost):{port}(?!\d)", urlsplit(url).netloc, text)
        return text


def commands(text: str) -> str:
    """Return the commands of a console block: the lines behind ``$ `` with the lines they continue on."""
    kept, continues = [], False
    for line in text.splitlines():
        if continues or line.startswith("$ "):
            kept.append(line if continues else line[2:])
            continues = line.endswith("\\")
    return "\n".join(kept) + "\n"


def _ini(text: str) -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
    parser.read_string(text)


PARSERS: dict[Language, Callable[[str], object]] = {
    Language.JSON: json.loads,
    Language.TOML: tomllib.loads,
    Language.INI: _ini,
}
"""Languages that are read and not run; YAML has no parser in the standard library."""
