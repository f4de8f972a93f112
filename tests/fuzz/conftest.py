"""The same node without sockets that the API tests use."""

from __future__ import annotations

from typing import Any

import pytest

from api.conftest import api, steady, vendor_documents

__all__ = ["api", "settings_overrides", "steady", "vendor_documents"]


@pytest.fixture
def settings_overrides() -> dict[str, Any]:
    """Return settings without Sync's request rates: they are about time, which stands still here."""
    return {"sync_limits": False}
