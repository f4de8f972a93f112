"""A timer that fires late lets the loop read first; one that fires on time does not wait."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any

import pytest
import uvloop

from trunkline.core import late_timers
from trunkline.core.egress.client import Egress
from trunkline.core.egress.guard import AddressGuard
from trunkline.core.egress.http_message import EgressRequest, Timeouts
from trunkline.core.late_timers import LATE, READING, LateTimer


class Loop:
    """An event loop's time and timers."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[tuple[float, Callable[[], object]]] = []
        self.turns = 0

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], object]) -> Any:
        self.timers.append((when, callback))
        return self

    def call_later(self, delay: float, callback: Callable[..., object], *arguments: Any) -> Any:
        return self.call_at(self.now + delay, partial(callback, *arguments))

    def call_soon(self, callback: Callable[..., object], *arguments: Any) -> Any:
        self.turns += 1
        return self.call_later(0, callback, *arguments)

    def cancel(self) -> None:
        self.timers.clear()

    def fire(self, now: float) -> None:
        self.now = now
        timers, self.timers = self.timers, []
        for _, callback in timers:
            callback()


@pytest.mark.parametrize(("late", "waits"), [(0.0, False), (LATE / 2, False), (LATE, True), (90.0, True)])
def test_a_late_timer_waits_once(late: float, waits: bool) -> None:
    loop, fired = Loop(), []
    timer = LateTimer(loop, 110.0, lambda: fired.append(loop.now))  # type: ignore[arg-type]
    assert timer.when() == 110.0
    loop.fire(110.0 + late)
    assert bool(fired) is not waits
    if waits:
        assert [when for when, _ in loop.timers] == [loop.now + READING]
        # However late it is then: a loop that is always behind has time-outs, too.
        loop.fire(loop.now + 90)
        # The tasks that were woken go on first.
        while loop.timers:
            assert not fired
            loop.fire(loop.now)
        assert loop.turns
    assert fired == [loop.now]


def test_a_timer_is_cancelled_also_while_it_waits() -> None:
    loop = Loop()
    timer = LateTimer(loop, 110.0, lambda: pytest.fail("it was cancelled"))  # type: ignore[arg-type]
    for now in (200.0, 300.0):
        loop.fire(now)
        assert loop.timers
    timer.cancel()
    loop.fire(400.0)


WAITING = """
import asyncio, socket, sys, uvloop
from trunkline.core import late_timers

late_timers.LATE = 0.05
peer = socket.socket(fileno=int(sys.argv[1]))

async def body():
    reader, writer = await asyncio.open_connection(sock=peer)
    for _ in range(int(sys.argv[2])):
        writer.write(b"?")
        try:
            async with late_timers.patient_timeout(0.1):
                await reader.readexactly(1)
        except TimeoutError:
            try:
                sys.exit(socket.socket(fileno=peer.fileno()).recv(1, socket.MSG_PEEK))
            except BlockingIOError:
                await reader.readexactly(1)
    writer.write(b"!")

with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(body())
"""
"""A process that asks and waits for an answer, some times over. It fails if it gives one up that has arrived."""


def test_what_lies_in_the_socket_is_read_before_a_time_out() -> None:
    """Stop a process while it waits: without the timer's pause it gives up in about every third round."""
    rounds = 8
    here, there = socket.socketpair()
    with closing(here):
        process = subprocess.Popen(
            [sys.executable, "-c", WAITING, str(there.fileno()), str(rounds)], pass_fds=[there.fileno()]
        )
        there.close()
        for _ in range(rounds):
            assert here.recv(1) == b"?", process.wait(20)
            os.kill(process.pid, signal.SIGSTOP)
            os.waitpid(process.pid, os.WUNTRACED)
            here.send(b"x")
            threading.Event().wait(0.2)
            os.kill(process.pid, signal.SIGCONT)
        assert here.recv(1) == b"!"
        assert process.wait(20) == 0


def test_the_response_of_a_webhook_that_came_while_a_node_stood_still_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(late_timers, "LATE", 0.01)
    limit, responded = 1.0, threading.Event()

    def respond(listening: socket.socket) -> None:
        peer, _ = listening.accept()
        with closing(peer):
            peer.recv(65536)
            loop.call_soon_threadsafe(stand_still)
            still.wait()
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            responded.set()

    def stand_still() -> None:
        still.set()
        responded.wait()
        threading.Event().wait(1.1 * limit)

    async def body(port: int) -> None:
        egress = Egress(AddressGuard(allow_private=True))
        request = EgressRequest(
            "GET", f"http://127.0.0.1:{port}/", timeouts=Timeouts(20.0, limit, 20.0), once=True
        )
        assert (await egress.send(request)).status == 200
        await egress.close()

    still = threading.Event()
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as listening,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        loop = runner.get_loop()
        thread = threading.Thread(target=respond, args=(listening,))
        thread.start()
        runner.run(body(listening.getsockname()[1]))
        thread.join()
