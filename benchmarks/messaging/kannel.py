"""Kannel, the gateway that is used for this elsewhere: bearerbox and smsbox, from the system's packages."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.live.baselines import MissingProgram, free_port, listens, running
from benchmarks.live.tally import Tally
from benchmarks.messaging.sending import SendingServer, network
from benchmarks.messaging.server import NUMBERS, TEXT, WINDOW, phone
from benchmarks.receiver import receiver
from keepalive import Caller

_CONFIGURATION = """
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = bench
smsbox-port = {smsbox}
smsbox-interface = 127.0.0.1
box-allow-ip = "127.0.0.1"
store-type = file
store-location = "{folder}/store"
dlr-storage = internal
log-level = 4
log-file = "{folder}/bearerbox.log"

group = smsc
smsc = smpp
smsc-id = bench
host = 127.0.0.1
port = {smsc}
transceiver-mode = true
smsc-username = trunkline
smsc-password = secret
system-type = ""
max-pending-submits = {window}
log-level = 4

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {smsbox}
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1
log-level = 4
log-file = "{folder}/smsbox.log"

group = sendsms-user
username = bench
password = bench
max-messages = 10
concatenation = true

group = sms-service
keyword = default
max-messages = 0
catch-all = true
text = ""
"""
_ACCEPTANCE_AND_DELIVERY = "9"
"""The dlr-mask of the two callbacks that Trunkline sends: the SMSC took it (8), the phone has it (1)."""


@asynccontextmanager
async def kannel(folder: Path) -> AsyncIterator[SendingServer]:
    """Yield Kannel with one SMPP bind. It writes messages to a file that it does not sync, and keeps in its
    memory which receipts it waits for. Raise MissingProgram.
    """
    boxes = [
        shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin") for name in ("bearerbox", "smsbox")
    ]
    if None in boxes:
        raise MissingProgram("kannel is not installed; Debian and Ubuntu have it as a package")
    folder.mkdir(parents=True)
    submits, callbacks = Tally(), Tally()
    ports = {name: free_port() for name in ("admin", "smsbox", "sendsms")}
    async with network(submits) as smsc, receiver(lambda _: callbacks.add(1)) as app:
        file = folder / "kannel.conf"
        file.write_text(_CONFIGURATION.format(folder=folder, smsc=smsc.port, window=WINDOW, **ports))
        with ExitStack() as stack:
            pids = []
            for box, port in zip(boxes, ("smsbox", "sendsms"), strict=True):
                pids.append(stack.enter_context(running([str(box), str(file)])))
                await listens(ports[port])
            await smsc.bound()
            caller = Caller(f"http://127.0.0.1:{ports['sendsms']}", "bench", "bench")

            def request(number: int) -> bytes:
                report = {"dlr-mask": _ACCEPTANCE_AND_DELIVERY, "dlr-url": f"{app}?status=%d"}
                fields = {"from": NUMBERS[0], "to": phone(number), "text": TEXT, **report}
                query = urlencode({"username": "bench", "password": "bench", **fields})
                return caller.request("GET", f"/cgi-bin/sendsms?{query}")

            yield SendingServer("Kannel, not synced to disk", pids, caller, request, 202, submits, callbacks)
