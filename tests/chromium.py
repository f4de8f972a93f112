"""The installed Chromium, which some tests see pages with."""

from __future__ import annotations

import os
import shutil

import pytest

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def browser() -> str:
    """Return the path of the browser: without one the test is skipped, or fails where the variable CI is set."""
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    if os.environ.get("CI"):
        pytest.fail("Chromium is missing")
    pytest.skip("Chromium is missing")
