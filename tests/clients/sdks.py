"""The SDKs that the suites run, and how the agent of each is started."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from clients.asking import Agent
from clients.old_sdk import old_python
from contract import require_node

AGENTS = Path(__file__).parent / "agents"

NODE_SDKS = {"node": "twilio", "node-4": "twilio-4", "node-3": "twilio-3"}
"""The Node SDKs and their packages' names in the Node project."""

SDKS = ("python", "python-async", "python-6.10", "node")
"""The SDKs that the acceptance suites run against. Older Node SDKs appear where pointing them is what is tested."""

Agents = Callable[[str], Agent]


def command(sdk: str) -> list[str]:
    """Return the command line of an SDK's agent."""
    if sdk in NODE_SDKS:
        modules = require_node()
        return ["node", str(AGENTS / "node_agent.cjs"), str(modules), NODE_SDKS[sdk]]
    python = str(old_python()) if sdk == "python-6.10" else sys.executable
    more = ["async"] if sdk == "python-async" else []
    return [python, str(AGENTS / "python_agent.py"), *more]
