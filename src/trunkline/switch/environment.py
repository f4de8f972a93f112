"""The environment variables that route an unmodified program through the proxy. Pure.

The variables, as the SDKs and their HTTP libraries read them:

- `HTTPS_PROXY` routes Python's requests here, and with it the `twilio` package. Of two spellings requests
  uses the one in lower case, so that one is set, too: an old value of it would lead to the real service.
- `HTTP_PROXY` is the only name that the Node package reads, also for its https requests.
- `REQUESTS_CA_BUNDLE` makes requests trust the CA. It *replaces* requests' list of CAs for the whole program;
  that takes nothing away, because every https request of the program comes to this proxy, which serves
  only *.twilio.com.
- `NODE_EXTRA_CA_CERTS` makes Node trust the CA *besides* its own list. The Node package's own
  `TWILIO_CA_BUNDLE` has no effect as soon as a proxy is set.
- `NO_PROXY`, in both spellings, keeps the program's requests to its own machine away from the proxy.

`SSL_CERT_FILE` is not among them: it would replace the CAs of every other TLS client in the program, and
the one SDK that would read it, Python's asynchronous client, does not read proxy variables.
"""

from __future__ import annotations

import shlex
from pathlib import PurePath

_LOCAL = "localhost,127.0.0.1,::1"


def variables(proxy_url: str, ca_path: PurePath, account_sid: str, auth_token: str) -> dict[str, str]:
    """Return the variables by name, in the order of printing.

    `proxy_url` is the proxy's own address (`http://127.0.0.1:8081`), `ca_path` the PEM file of the CA.
    Raise ValueError if `ca_path` is not absolute: the program may be started from any directory.
    """
    if not ca_path.is_absolute():
        raise ValueError(f"the path of the CA is not absolute: {ca_path}")
    return {
        "TWILIO_ACCOUNT_SID": account_sid,
        "TWILIO_AUTH_TOKEN": auth_token,
        "HTTPS_PROXY": proxy_url,
        "https_proxy": proxy_url,
        "HTTP_PROXY": proxy_url,
        "NO_PROXY": _LOCAL,
        "no_proxy": _LOCAL,
        "REQUESTS_CA_BUNDLE": str(ca_path),
        "NODE_EXTRA_CA_CERTS": str(ca_path),
    }


def export_commands(proxy_url: str, ca_path: PurePath, account_sid: str, auth_token: str) -> list[str]:
    """Return the variables as POSIX shell commands for `eval "$(trunkline env)"`; raise as `variables` does."""
    found = variables(proxy_url, ca_path, account_sid, auth_token)
    return [f"export {name}={shlex.quote(value)}" for name, value in found.items()]
