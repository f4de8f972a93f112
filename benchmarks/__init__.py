"""Measurements of a Trunkline server beside what it could at best be, and what people use instead.

The test suite's server process, HTTP client and Node installer serve here too.
"""

from __future__ import annotations

import sys
from pathlib import Path

HOME = Path(__file__).resolve().parent

sys.path.append(str(HOME.parent / "tests"))
