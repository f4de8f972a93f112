"""Numbers of a shared server for a test: each test buys its own, and the operator hands out the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from clients.asking import Client
from servers import Server, clean_environment

NUMBERS = "incoming_phone_numbers"
AVAILABLE = "available_phone_numbers"
SERVICES = "messaging.v1.services"


def buy(client: Client, country: str = "US", kind: str = "local", **filters: Any) -> dict[str, Any]:
    """Search a number and buy it, as the vendor's guides show it."""
    found = client.call(f"{AVAILABLE}({country}).{kind}", "list", filters, Limit=1)
    bought: dict[str, Any] = client.call(NUMBERS, "create", PhoneNumber=found[0]["phone_number"])
    return bought


def operator(server: Server, *arguments: str) -> dict[str, Any]:
    """Return the output of ``trunkline number``."""
    ended = subprocess.run(
        [sys.executable, "-m", "trunkline", "number", *arguments, "--json"],
        env=clean_environment() | server.client_environment | {"PATH": os.environ.get("PATH", "")},
        cwd=server.data_dir.parent,
        capture_output=True,
        check=True,
    )
    shown: dict[str, Any] = json.loads(ended.stdout)
    return shown
