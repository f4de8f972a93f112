"""The environment variables, as a POSIX shell takes them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from trunkline.switch.environment import export_commands, variables

SID = "AC" + "0" * 32


def test_the_variables_are_exactly_these() -> None:
    assert variables("http://127.0.0.1:8081", PurePosixPath("/data/ca.pem"), SID, "secret") == {
        "TWILIO_ACCOUNT_SID": SID,
        "TWILIO_AUTH_TOKEN": "secret",
        "HTTPS_PROXY": "http://127.0.0.1:8081",
        "https_proxy": "http://127.0.0.1:8081",
        "HTTP_PROXY": "http://127.0.0.1:8081",
        "NO_PROXY": "localhost,127.0.0.1,::1",
        "no_proxy": "localhost,127.0.0.1,::1",
        "REQUESTS_CA_BUNDLE": "/data/ca.pem",
        "NODE_EXTRA_CA_CERTS": "/data/ca.pem",
    }


def test_a_shell_reads_back_what_was_meant() -> None:
    given = ("http://h:1", Path("/tmp/it's a $HOME `dir`/ca.pem"), SID, "a'b\"c $d\\e")
    show = f"{sys.executable} -c 'import json, os; print(json.dumps(dict(os.environ)))'"
    script = "\n".join([*export_commands(*given), show])
    shown = subprocess.run(
        ["/bin/sh", "-c", script], env={"https_proxy": "http://old:1"}, capture_output=True, check=True
    )
    found = json.loads(shown.stdout)
    expected = variables(*given)
    assert {name: found.get(name) for name in expected} == expected


def test_a_relative_path_is_refused() -> None:
    with pytest.raises(ValueError, match="not absolute"):
        export_commands("http://h:1", PurePosixPath("data/ca.pem"), SID, "t")
