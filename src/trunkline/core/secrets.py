"""Encryption of what must be readable again: auth tokens, key secrets, credentials.

AES-256-GCM under one master key. A sealed value is bound to the row that it belongs to (its label), so that a value
copied to another row cannot be opened there.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import secrets
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from trunkline.core.atomic_files import create_file

KEY_BYTES = 32
_NONCE_BYTES = 12
_VERSION = b"\x01"


class BadMasterKey(Exception):
    """The master key is malformed, or is not the one with which the data were sealed."""


class Vault:
    """The master key, which seals and opens secrets."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise BadMasterKey(f"The master key must be {KEY_BYTES} bytes long, it is {len(key)}.")
        self._key = key
        self._cipher = AESGCM(key)
        # Ciphertexts are unique, so the cache never returns an outdated secret.
        self.open = lru_cache(maxsize=4096)(self._open)

    def derived(self, purpose: str) -> bytes:
        """Return a key of 32 bytes for ``purpose``, the same on every node that has this master key."""
        return hmac.digest(self._key, b"trunkline " + purpose.encode(), "sha256")

    def seal(self, label: str, secret: str) -> bytes:
        """Encrypt ``secret`` under ``label``, such as ``AC…/auth_token``."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, secret.encode(), label.encode())

    def _open(self, label: str, sealed: bytes) -> str:
        """Decrypt a value that was sealed under the same label. Raise BadMasterKey if that fails."""
        nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            if sealed[:1] != _VERSION or len(nonce) != _NONCE_BYTES:
                raise InvalidTag
            return self._cipher.decrypt(nonce, body, label.encode()).decode()
        except InvalidTag:
            raise BadMasterKey(
                "A stored secret does not open with this master key: was the key file replaced?"
            ) from None


def same(one: str, other: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())


def parse_key(text: str) -> bytes:
    """Return the master key of its text form, base64 of 32 bytes. Raise BadMasterKey if it is malformed."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (ValueError, binascii.Error):
        raise BadMasterKey("The master key is not base64.") from None
    if len(key) != KEY_BYTES:
        raise BadMasterKey(f"The master key must be base64 of {KEY_BYTES} bytes, it has {len(key)}.")
    return key


def load_or_create_key(path: Path) -> bytes:
    """Return the master key in ``path``; a new one (mode 0600) on first use. Raise BadMasterKey for what is no key,
    OSError if the file cannot be read or written."""
    return parse_key(load_or_create(path, base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()))


def load_or_create(path: Path, fresh: str) -> str:
    """Return the secret in ``path``, or ``fresh`` after it was written there (mode 0600). Raise OSError if the file
    cannot be read or written."""
    if not path.exists():
        create_file(path, fresh.encode() + b"\n", 0o600)
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    return path.read_text("latin-1").strip()
