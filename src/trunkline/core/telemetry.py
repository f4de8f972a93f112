"""Logs and metrics. Logs are JSON, one object a line, on standard error; neither contains secrets."""

from __future__ import annotations

import datetime
import logging
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

LEVELS = ("debug", "info", "warning", "error")

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class JsonFormatter(logging.Formatter):
    """The formatter of a record as one line of JSON, with the fields of the record's ``extra={"fields": {...}}``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        line: dict[str, Any] = {
            "time": datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(
                timespec="milliseconds"
            ),
            "level": record.levelname.lower(),
            "logger": record.name,
            # A name from the file system may hold what UTF-8 cannot write.
            "message": record.getMessage().encode("utf-8", "backslashreplace").decode(),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


class _AccessEntry(msgspec.Struct):
    time: str
    level: str
    logger: str
    message: str
    request_id: str
    method: str
    path: str
    status: int
    seconds: float


@lru_cache(maxsize=2)
def _second(second: int) -> str:
    return datetime.datetime.fromtimestamp(second, datetime.UTC).isoformat(timespec="seconds")[:-6]


def log_request(request_id: str, method: str, path: str, status: int, seconds: float) -> None:
    """Log one request in the form of a record at level info; written directly, since a record would cost as much as
    half of a request."""
    now = time.time_ns() // 1_000_000
    timestamp = f"{_second(now // 1000)}.{now % 1000:03d}+00:00"
    line = _AccessEntry(
        timestamp, "info", "trunkline.access", "request", request_id, method, path, status, round(seconds, 6)
    )
    sys.stderr.write(msgspec.json.encode(line).decode() + "\n")


def configure_logs(level: str) -> None:
    """Send the program's logs of ``level`` and above to standard error. Idempotent."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn.error", "uvicorn.asgi"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    # The driver logs every attempt of an outage, with its traceback; the storage logs the outage.
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)


class Metrics:
    """The metrics of ``/_trunkline/metrics``. One object a server, so that tests do not share counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "trunkline_requests",
            "API requests with a response.",
            ("product", "operation", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "trunkline_request_seconds",
            "Time from a request's head to its response, in seconds.",
            ("product",),
            registry=self.registry,
            buckets=_BUCKETS,
        )
        self.queue = Gauge(
            "trunkline_storage_queue", "Writes that wait for their commit.", registry=self.registry
        )
        self._table_rows = Gauge(
            "trunkline_table_rows", "Rows of a table, estimated.", ("table",), registry=self.registry
        )
        self._table_bytes = Gauge(
            "trunkline_table_bytes",
            "Bytes of a table with its indexes, estimated on SQLite.",
            ("table",),
            registry=self.registry,
        )
        self._table_retention = Gauge(
            "trunkline_table_retention_info",
            "1 for each table, with what governs its rows.",
            ("table", "kept"),
            registry=self.registry,
        )
        self._removed = Counter(
            "trunkline_retention_removed_rows",
            "Rows that were removed because of their age, number or size, or with their account.",
            ("table",),
            registry=self.registry,
        )
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def gauge(self, name: str, help: str) -> Gauge:
        """Return a new gauge."""
        return Gauge(name, help, registry=self.registry)

    def watch(self, name: str, help: str, value: Callable[[], float]) -> None:
        """Show the result of ``value`` whenever the metrics are rendered."""
        self.gauge(name, help).set_function(value)

    def describe_table(self, table: str, kept: str) -> None:
        """Show what governs the rows of a table."""
        self._table_retention.labels(table, kept).set(1)

    def set_table(self, table: str, rows: int, size: int) -> None:
        """Show the number of a table's rows, and its size in bytes."""
        self._table_rows.labels(table).set(rows)
        self._table_bytes.labels(table).set(size)

    def count_removed(self, table: str, rows: int) -> None:
        """Count rows that a table no longer keeps."""
        self._removed.labels(table).inc(rows)

    def observe(self, product: str, operation: str, status: int, seconds: float) -> None:
        """Count one request."""
        key = (product, operation, status)
        children = self._children.get(key)
        if children is None:
            children = (
                self._requests.labels(product, operation, str(status)),
                self._seconds.labels(product),
            )
            self._children[key] = children
        children[0].inc()
        children[1].observe(seconds)

    def render(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        return generate_latest(self.registry)
