"""Logs and metrics."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator

import pytest

from trunkline.core.telemetry import JsonFormatter, Metrics, configure_logs


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    names = ("uvicorn.error", "uvicorn.asgi")
    handlers, level, levels = (
        logger.handlers[:],
        logger.level,
        [logging.getLogger(name).level for name in names],
    )
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)
    for name, old in zip(names, levels, strict=True):
        logging.getLogger(name).setLevel(old)


def record(message: str, *values: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("trunkline.test", logging.WARNING, "f.py", 1, message, values, None)
    made.__dict__.update(extra)
    return made


def test_a_record_is_one_line_of_json_with_its_fields() -> None:
    line = JsonFormatter().format(
        record("%s\nwent", "it", created=0.25, fields={"request_id": "RQ1", "n": 1})
    )
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.250+00:00",
        "level": "warning",
        "logger": "trunkline.test",
        "message": "it\nwent",
        "request_id": "RQ1",
        "n": 1,
    }


def test_an_exception_is_part_of_the_line() -> None:
    try:
        raise ZeroDivisionError("oh")
    except ZeroDivisionError:
        line = JsonFormatter().format(record("failed", exc_info=sys.exc_info()))
    assert "\n" not in line
    assert json.loads(line)["exception"].endswith("ZeroDivisionError: oh")


def test_what_json_or_utf8_cannot_hold_is_written_as_text() -> None:
    line = JsonFormatter().format(record("bad \udcff", fields={"where": object}))
    assert json.loads(line)["message"] == "bad \\udcff"
    assert json.loads(line)["where"] == "<class 'object'>"


def test_logs_of_the_level_and_above_go_to_standard_error_once(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs("warning")
    configure_logs("warning")
    logging.getLogger("trunkline.test").info("quiet")
    logging.getLogger("trunkline.test").warning("loud")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert [json.loads(line)["message"] for line in captured.err.splitlines()] == ["loud"]


@pytest.mark.parametrize(("level", "shown"), [("debug", 3), ("info", 2), ("error", 1)])
def test_each_level_shows_itself_and_what_is_worse(
    root: logging.Logger, capsys: pytest.CaptureFixture[str], level: str, shown: int
) -> None:
    configure_logs(level)
    logger = logging.getLogger("trunkline.test")
    logger.debug("d")
    logger.info("i")
    logger.error("e")
    assert len(capsys.readouterr().err.splitlines()) == shown


def test_the_http_servers_own_chatter_is_quiet_below_warning(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs("debug")
    logging.getLogger("uvicorn.error").info("chatter")
    assert capsys.readouterr().err == ""


def test_requests_are_counted_by_product_operation_and_status() -> None:
    metrics = Metrics()
    metrics.observe("sync", "sync.services.create", 201, 0.002)
    metrics.observe("sync", "sync.services.create", 201, 0.2)
    metrics.observe("", "", 404, 0.001)
    metrics.queue.set(3)
    text = metrics.render().decode()
    assert (
        'trunkline_requests_total{operation="sync.services.create",product="sync",status="201"} 2.0' in text
    )
    assert 'trunkline_requests_total{operation="",product="",status="404"} 1.0' in text
    assert 'trunkline_request_seconds_count{product="sync"} 2.0' in text
    assert 'trunkline_request_seconds_bucket{le="0.0025",product="sync"} 1.0' in text
    assert "trunkline_storage_queue 3.0" in text
    assert b"sync" not in Metrics().render()


def test_what_is_watched_is_asked_for_when_it_is_shown() -> None:
    metrics, jobs = Metrics(), [3]
    metrics.watch("trunkline_jobs_running", "Jobs that run on this node.", lambda: jobs[0])
    assert b"trunkline_jobs_running 3.0" in metrics.render()
    jobs[0] = 5
    assert b"trunkline_jobs_running 5.0" in metrics.render()
