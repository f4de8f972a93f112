"""The check of a file with the certificates that connections trust."""

from __future__ import annotations

import ssl


def check_certificates(path: str) -> None:
    """Check that a file holds certificates in PEM. Raise ValueError, with the reason, if not."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise ValueError(f"{path} holds no certificates in PEM") from None
    except FileNotFoundError:
        raise ValueError(f"there is no file {path}") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
