"""The remedies of failed requests, and the line that the log gets."""

from __future__ import annotations

import logging

import pytest

from trunkline.core import outages
from trunkline.core.egress.failure import Failure, Progress, from_curl
from trunkline.core.egress.remedies import FAILING_CALM_SECONDS, REMEDIES, ReceiverLog, remedy_of_status
from trunkline.core.telemetry import JsonFormatter

log = logging.getLogger("trunkline.test")


def test_every_failure_has_a_remedy() -> None:
    assert REMEDIES.keys() == set(Failure)
    assert all(REMEDIES.values())
    assert "--dev" in REMEDIES[Failure.ADDRESS_REFUSED]
    assert "webhook_networks" in REMEDIES[Failure.ADDRESS_REFUSED]


@pytest.mark.parametrize(
    ("address", "opens"),
    [
        *((address, True) for address in ("127.0.0.1", "10.1.2.3", "::1", "::ffff:192.168.0.1", "fd12::1")),
        *((address, False) for address in ("169.254.169.254", "100.100.100.200", "fe80::1%eth0", "0.0.0.0")),
        *(
            (address, False)
            for address in ("::ffff:169.254.169.254", "fd00:ec2::254", "224.0.0.1", "ff02::1")
        ),
        ("this kind of address", False),
    ],
)
def test_an_option_is_named_where_it_opens_the_address(address: str, opens: bool) -> None:
    error = from_curl(0, "", Progress(refused=address))
    assert error.message == f"connections to {address} are not allowed"
    assert (error.failure.code, error.failure.before_request) == (11205, True)
    remedy = REMEDIES[error.failure]
    assert ("--dev" in remedy, "webhook_networks" in remedy) == (opens, opens)
    assert ("link-local" in remedy) is not opens


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (302, "redirects"),
        (401, "credentials"),
        (403, "signature"),
        (404, "path"),
        (405, "method"),
        (500, "log"),
    ],
)
def test_a_status_has_a_remedy(status: int, word: str) -> None:
    assert word in remedy_of_status(status)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://h.test/hook", "http://h.test/hook"),
        ("https://user:secret@h.test:8443/a/b?token=secret#rc=1", "https://h.test:8443/a/b"),
        ("http://[::1]:9/?secret", "http://[::1]:9/"),
        ("http://user:secret/word@h.test/", "a malformed URL"),
        ("http://h.test/\nsecret", "a malformed URL"),
        ("secret", "a malformed URL"),
    ],
)
def test_a_line_has_the_place_and_no_secret(url: str, place: str, caplog: pytest.LogCaptureFixture) -> None:
    malformed = place == "a malformed URL"
    why = "cannot read secret" if malformed else "refused"
    ReceiverLog(log).failed("the webhook x", url, why, "mend it", kind="", event="")
    (record,) = caplog.records
    reason = "it cannot be understood" if malformed else "refused"
    assert record.levelname == "WARNING"
    assert record.getMessage() == f"the webhook x failed at {place}: {reason}; mend it"
    line = JsonFormatter().format(record)
    assert "secret" not in line
    assert "event" not in line


def test_a_receiver_that_fails_is_a_line_and_one_when_it_works(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = 0.0
    receivers = ReceiverLog(log, lambda: now)
    receivers.works("http://h.test/a")
    for number in range(500):
        receivers.failed("the webhook", f"http://h.test/{number}?x", "refused", "start it", kind="")
        for status in (404, 500):
            url, kind = f"http://h.test/a/{number}?x", f"status {status}"
            receivers.failed("the webhook", url, f"{status} of {number}", "mend it", kind=kind)
            # Other paths work, and other origins are others.
            receivers.works("http://h.test/good")
            receivers.works("http://other.test/a")
    now = outages.CALM_SECONDS
    receivers.works("http://h.test/b")
    now = FAILING_CALM_SECONDS - 1
    receivers.failed("the webhook", "http://h.test/bad", "500", "mend it", kind="status 500")
    receivers.works("http://h.test/b")
    now = FAILING_CALM_SECONDS
    receivers.works("http://h.test/b")
    now *= 2
    receivers.works("http://h.test/b")
    receivers.works("http://h.test/b")
    receivers.failed("the webhook", "http://h.test/c", "404", "mend it", kind="status 404")
    receivers.failed("the webhook", "http://other.test/a", "404", "mend it", kind="status 404")
    assert [record.getMessage() for record in caplog.records] == [
        "the webhook failed at http://h.test/0: refused; start it",
        "the webhook failed at http://h.test/a/0: 404 of 0; mend it",
        "the webhook failed at http://h.test/a/0: 500 of 0; mend it",
        "requests to http://h.test:80 succeed again",
        "requests to http://h.test:80 succeed again, without status 404",
        "requests to http://h.test:80 succeed again, without status 500",
        "the webhook failed at http://h.test/c: 404; mend it",
        "the webhook failed at http://other.test/a: 404; mend it",
    ]
