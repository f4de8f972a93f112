"""The stored form of an attempt: it loses nothing, is small, and old ones stay readable."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines import opened
from trunkline.api.paging import Order, Window
from trunkline.core.storage.database import Tx
from trunkline.core.webhooks import attempt_content, attempts
from trunkline.core.webhooks.attempt_content import AttemptContent, pack, unpack
from trunkline.core.webhooks.attempts import Attempt
from trunkline.core.webhooks.webhook import Webhook, with_token

ACCOUNT, SERVICE = "AC" + "0123456789abcdef" * 2, "MG" + "fedcba9876543210" * 2
NEWEST = Window(Order("started", descending=True), 100)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def as_json(value: object) -> str:
    return msgspec.json.encode(value).decode()


@given(TEXT, st.lists(st.tuples(TEXT, TEXT)), TEXT, st.sampled_from([ACCOUNT, "AC1", ""]))
def test_it_is_read_as_it_was_written(
    text: str, headers: list[tuple[str, str]], body: str, service: str
) -> None:
    webhook = as_json(Webhook(ACCOUNT, text, parameters=((text, body),), json=body, service_sid=service))
    content = AttemptContent(webhook, text, as_json(headers), as_json(headers[::-1]), body)
    assert unpack(pack(content, ACCOUNT, service), ACCOUNT, service) == content


def test_a_large_body_is_read_as_it_was_written() -> None:
    body = base64.b64encode(secrets.token_bytes(12 * 1024)).decode()
    content = AttemptContent("{}", "http://a.example", "[]", "[]", body)
    assert unpack(pack(content, ACCOUNT, SERVICE), ACCOUNT, SERVICE) == content


@pytest.mark.parametrize("packed", [b"", b"\0", b"\x63abc", b"\x01", b"\x01\xff\xff", b"\x01\x03\x00"])
def test_what_cannot_be_read_is_an_error(packed: bytes) -> None:
    with pytest.raises(ValueError, match="content of an attempt"):
        unpack(packed, ACCOUNT, SERVICE)


def test_a_dictionary_is_never_changed() -> None:
    """Keep what stored contents need: a better one is a new version, behind these."""
    digests = {
        version: hashlib.sha256(text).hexdigest()[:16]
        for version, text in attempt_content._DICTIONARIES.items()
    }
    assert digests == {1: "8e4a6791585cf956"}


def callback(number: int) -> tuple[Attempt, int]:
    """Return the attempt at a status callback, as a soak makes it, and the bytes of its texts."""
    message = f"SM{hashlib.md5(str(number).encode()).hexdigest()}"
    webhook = with_token(
        Webhook(
            ACCOUNT,
            "https://app.customer.example/twilio/status",
            parameters=(
                ("SmsSid", message),
                ("SmsStatus", "delivered"),
                ("MessageStatus", "delivered"),
                ("To", f"+1415555{number:04}"),
                ("MessagingServiceSid", SERVICE),
                ("MessageSid", message),
                ("AccountSid", ACCOUNT),
                ("From", "+12025550123"),
                ("ApiVersion", "2010-04-01"),
            ),
            service_sid=SERVICE,
            event="message.delivered",
        )
    )
    sent = [
        ("Accept", "*/*"),
        ("Cache-Control", "max-age=259200"),
        ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
        ("User-Agent", "TwilioProxy/1.1"),
        ("X-Home-Region", "us1"),
        ("I-Twilio-Idempotency-Token", webhook.token),
        ("X-Twilio-Signature", base64.b64encode(hashlib.sha1(message.encode()).digest()).decode()),
    ]
    received = [("date", "Mon, 30 Nov 2026 14:55:01 GMT"), ("server", "uvicorn"), ("content-length", "2")]
    texts = {
        "webhook": as_json(webhook),
        "url": webhook.url,
        "request_headers": as_json(sent),
        "response_headers": as_json(received),
        "response_body": "ok",
    }
    attempt = Attempt(
        sid=f"WA{number}",
        account_sid=ACCOUNT,
        service_sid=SERVICE,
        status="delivered",
        started=number,
        number=1,
        response_status=200,
        error_code=None,
        error_text="",
        address="192.0.2.1",
        redirects=0,
        duration=1000,
        **texts,
    )
    return attempt, sum(map(len, texts.values()))


def test_an_attempt_takes_a_third_of_the_bytes_of_its_texts() -> None:
    packed = plain = 0
    for number in range(50):
        attempt, size = callback(number)
        stored = attempts._stored(attempt)
        assert stored.content is not None
        packed += len(stored.content)
        plain += size
    assert packed * 3 < plain


def test_old_rows_and_new_ones_are_read_alike(database_url: str) -> None:
    old, new = callback(1)[0], callback(2)[0]

    async def check() -> None:
        async with opened(database_url, attempts.MIGRATIONS[:1]) as database:
            await database.write(lambda tx: tx.insert("webhook_attempts", old))
        async with opened(database_url, attempts.MIGRATIONS) as database:

            async def read(tx: Tx) -> list[Attempt]:
                return (await attempts.page(tx, ACCOUNT, NEWEST.span)).rows

            await database.write(lambda tx: attempts.record(tx, new))
            assert await database.read(read) == [new, old]
            for one in (old, new):
                assert await database.read(lambda tx, sid=one.sid: attempts.find(tx, ACCOUNT, sid)) == one  # type: ignore[misc]
            sizes = await database.read(lambda tx: tx.value("SELECT min(size) FROM webhook_attempts"))
            assert 480 < sizes < 1024

    asyncio.run(check())
