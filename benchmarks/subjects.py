"""Subjects of measurement: Trunkline on each engine, and what it is compared with."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Protocol

from benchmarks import HOME
from benchmarks.load import Request, Sample, measure
from benchmarks.machine import SERVER_CORE, on_core
from contract.documents import FOLDER
from contract.node_project import install, node_modules
from keepalive import Caller
from servers import ACCOUNT_SID, AUTH_TOKEN, Server

SERVICES = "/Services"
STORED = 200
PAGE = 50
FORM = {"FriendlyName": "a name of usual length"}
_SID = "IS" + "0123456789abcdef" * 2
_START_SECONDS = 60.0


class Subject(Protocol):
    """Something that operations can be measured on."""

    name: str
    pid: int

    async def sample(self, operation: str, connections: int, seconds: float) -> Sample | None:
        """Measure one operation; None when it has no such thing."""
        ...


class ServedSubject:
    """A subject behind HTTP, in one process."""

    def __init__(self, name: str, pid: int, caller: Caller, requests: Mapping[str, Request]) -> None:
        self.name = name
        self.pid = pid
        self._caller = caller
        self._requests = requests

    async def sample(self, operation: str, connections: int, seconds: float) -> Sample | None:
        """Load the server with one operation."""
        return await measure(self._caller, self.pid, self._requests[operation], connections, seconds)


class Raw:
    """Commits to SQLite by a process of their own; ``name`` has the number of rows of each."""

    def __init__(self, name: str, process: subprocess.Popen[str], *, batched: bool) -> None:
        self.name = name
        self.pid = process.pid
        self._process = process
        self._batched = batched

    async def sample(self, operation: str, connections: int, seconds: float) -> Sample | None:
        """Insert rows; nothing but creation compares with that."""
        if operation != "create":
            return None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{connections if self._batched else 1} {seconds}\n")
        self._process.stdin.flush()
        result = json.loads(await asyncio.to_thread(self._process.stdout.readline))
        cpu = result["cpu"] / max(result["done"], 1)
        return Sample(result["done"], 0, result["seconds"], cpu, 0.0)


def _requests(caller: Caller, path: str, sid: str, status: tuple[int, int, int]) -> dict[str, Request]:
    return {
        "fetch": Request(caller.request("GET", f"{path}/{sid}"), status[0]),
        "create": Request(caller.request("POST", path, FORM), status[1]),
        "list": Request(caller.request("GET", f"{path}?PageSize={PAGE}"), status[2]),
    }


async def trunkline(name: str, server: Server) -> ServedSubject:
    """Return a server that runs, with enough in it to fill a page."""
    caller = Caller(server.url, server.account_sid, server.auth_token)
    connection = await caller.connect()
    sid = ""
    for _ in range(STORED):
        response = await connection.send(caller.request("POST", f"/sync/v1{SERVICES}", FORM))
        sid = response.json()["sid"]
    page = await connection.send(caller.request("GET", f"/sync/v1{SERVICES}?PageSize={PAGE}"))
    assert len(page.json()["services"]) == PAGE
    connection.close()
    return ServedSubject(
        name, server.pid, caller, _requests(caller, f"/sync/v1{SERVICES}", sid, (200, 201, 200))
    )


@asynccontextmanager
async def hello() -> AsyncIterator[ServedSubject]:
    """Yield the bare ASGI application."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
        caller = Caller(f"http://127.0.0.1:{listening.getsockname()[1]}", ACCOUNT_SID, AUTH_TOKEN)
        listening.set_inheritable(True)
        command = [sys.executable, "-m", "benchmarks.hello", str(listening.fileno())]
        with on_core(SERVER_CORE):
            process = subprocess.Popen(command, cwd=HOME.parent, pass_fds=[listening.fileno()])
    try:
        await _responds(caller, SERVICES)
        yield ServedSubject(
            "bare uvicorn", process.pid, caller, _requests(caller, SERVICES, _SID, (200, 200, 200))
        )
    finally:
        process.terminate()
        process.wait()


@asynccontextmanager
async def prism() -> AsyncIterator[ServedSubject]:
    """Yield Stoplight Prism with the vendor's document; it returns the document's examples and keeps nothing."""
    program = install(HOME / "node") / "@stoplight/prism-cli/dist/index.js"
    document = node_modules() / FOLDER / "twilio_sync_v1.json"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    caller = Caller(f"http://127.0.0.1:{port}", ACCOUNT_SID, AUTH_TOKEN)
    command = ["node", str(program), "mock", "-h", "127.0.0.1", "-p", str(port), "-v", "error", str(document)]
    with on_core(SERVER_CORE):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await _responds(caller, f"/v1{SERVICES}")
        requests = _requests(caller, f"/v1{SERVICES}", _SID, (200, 201, 200))
        yield ServedSubject("Prism", process.pid, caller, requests)
    finally:
        process.terminate()
        process.wait()


@asynccontextmanager
async def raw(folder: Path) -> AsyncIterator[list[Raw]]:
    """Yield commits of one row, and of a row for each connection."""
    made = []
    for name, batched in (("SQLite, 1 row a commit", False), ("SQLite, grouped", True)):
        command = [sys.executable, "-m", "benchmarks.commits", str(folder / f"raw-{batched}.db")]
        with on_core(SERVER_CORE):
            process = subprocess.Popen(
                command, cwd=HOME.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        made.append((Raw(name, process, batched=batched), process))
    try:
        yield [subject for subject, _ in made]
    finally:
        for _, process in made:
            process.communicate()


async def _responds(caller: Caller, path: str) -> None:
    """Wait until a server answers."""
    async with asyncio.timeout(_START_SECONDS):
        while True:
            with suppress(OSError):
                connection = await caller.connect()
                await connection.send(caller.request("GET", path))
                connection.close()
                return
            await asyncio.sleep(0.05)
