"""The open files of the process, of which there may be none left: for sockets, the database, attachments.

One periodic task opens a file once a second and closes it again. The first failure is logged; it, and the failures that
others report by ``exhausted``, are then not logged again before ten openings in a row have succeeded, which is logged,
too. So the log does not grow by what anybody can bring about. The watch is needed because libuv refuses connections
without a word when it has no file for them.
"""

from __future__ import annotations

import errno
import logging
import os

from trunkline.core.outages import Outage
from trunkline.core.periodic import PeriodicTask

log = logging.getLogger("trunkline.server")

WATCH_SECONDS = 1.0
CALM_CHECKS = 10
"""The checks in a row that must succeed before another failure is logged again."""


class OpenFiles:
    """The watch over the open files of the process."""

    def __init__(self) -> None:
        self._checks = 0
        self._outage = Outage(log, CALM_CHECKS, lambda: self._checks)
        self._task = PeriodicTask(
            "checks of open files", self._watch, WATCH_SECONDS, WATCH_SECONDS, due_by=None
        )

    def start(self) -> None:
        """Start the watch."""
        self._task.start()

    async def stop(self) -> None:
        """Stop the watch."""
        await self._task.stop()

    def exhausted(self, reason: OSError) -> None:
        """Record that no file could be opened. Log it, unless that is recorded."""
        self._outage.failed(
            "no more files can be opened, and new connections are refused: %s;"
            " raise the limit of open files (ulimit -n, LimitNOFILE)",
            reason,
            level=logging.ERROR,
        )

    def check(self) -> None:
        """Open a file and close it."""
        try:
            os.close(os.dup(0))
        except OSError as reason:
            if reason.errno in (errno.EMFILE, errno.ENFILE):
                self.exhausted(reason)
                return
        self._checks += 1
        self._outage.works("files can be opened again")

    async def _watch(self) -> None:
        self.check()
