"""The content of a webhook's attempt as it is stored: its texts as one JSON list, compressed. Pure.

1. The compressor begins with a dictionary of what most webhooks have in common, behind it the SIDs of the row's Service
   and account: a content refers to them instead of repeating them.
2. The first byte names the version of the dictionary. A dictionary is never changed, since stored contents need it: a
   better one is a new version, added to ``_DICTIONARIES``.
3. A content that its bytes do not fit, because they are damaged or of a later version, raises ValueError.
"""

from __future__ import annotations

import zlib

import msgspec

_LEVEL = 6
_WINDOW = -13
"""A stream without a header, and a window of 8 KiB: it holds the dictionary and a usual content."""
_MEMORY = 6

_VERSION_1 = (
    # What is rare stands first, what is frequent last, where references to it are shortest.
    '["set-cookie","…"],["vary","Accept-Encoding"],["etag","W/\\"],["x-powered-by","Express"],'
    '["x-request-id","],["strict-transport-security","max-age=31536000; includeSubDomains"],["via","1.1 '
    '["cf-ray","],["cache-control","no-cache, private"],["alt-svc","h3=\\":443\\"; ma=86400"],'
    '["content-type","text/html; charset=UTF-8"],["content-type","text/plain; charset=utf-8"],'
    '["content-type","application/xml"],["content-type","application/json"],["content-type","text/xml"],'
    '["transfer-encoding","chunked"],["keep-alive","timeout=5"],["connection","close"],["connection","keep-alive"],'
    '["server","nginx"],["Server","Apache"],["date","Mon, Tue, Wed, Thu, Fri, Sat, Sun, 01 Jan Feb Mar Apr May Jun Jul'
    ' Aug Sep Oct Nov Dec 2026 00:00:00 GMT"],["Date","],["content-length","0"]],"OK","","'
    '<?xml version=\\"1.0\\" encoding=\\"UTF-8\\"?><Response><Message></Message></Response>'
    '"method":"GET","json":null,"json":"{\\"counter":"","cookie":"',
    '["ToCountry","US"],["ToState","CA"],["SmsMessageSid","SM"],["NumMedia","0"],["ToCity","SAN FRANCISCO"],'
    '["FromZip",""],["SmsSid","SM"],["FromState","NY"],["SmsStatus","received"],["FromCity","NEW YORK"],["Body","'
    '["FromCountry","US"],["ToZip",""],["NumSegments","1"],["MediaUrl0","https://],["MediaContentType0","image/jpeg"],'
    '["EventType","map_item_added"],["EventType","list_item_added"],["EventType","document_created"],'
    '["EventType","document_removed"],["EventType","map_created"],["EventType","list_created"],'
    '["EventType","list_item_updated"],["EventType","list_item_removed"],["EventType","map_item_removed"],'
    '["EventType","stream_message_published"],["EventType","endpoint_connected"],'
    '["MessageSid","TZ"],["MessageData","{\\"["ListSid","ES"],["ListUniqueName",""],["ListRevision","],'
    '["MapSid","MP"],["MapUniqueName","],["ItemIndex","0"],["ItemKey","],["ItemRevision","0"],["ItemData","{\\"'
    '["EndpointId","],["EventId","1"],["DocumentSid","ET"],["DocumentUniqueName","],["DocumentRevision","0"],'
    '["DocumentData","{\\"["Identity","system"],["EventType","map_item_updated"],["EventType","document_updated"],'
    '["ErrorCode","30003"],["ErrorMessage","["MessageStatus","undelivered"],["MessageStatus","failed"],'
    '"event":"message.undelivered","event":"message.failed","event":"message.received",'
    '["RawDlrDoneDate","2601010000"],"event":"message.queued","event":"message.delivered","event":"message.sent",'
    '"event":"document_updated","event":"map_item_updated",',
    '[{"account_sid":"AC","url":"https://example.com","method":"POST","parameters":[["AccountSid","AC],'
    '["ServiceSid","IS],["SmsSid","SM],["SmsSid","MM],["SmsStatus","queued"],["SmsStatus","delivered"],'
    '["SmsStatus","sent"],["MessageStatus","queued"],["MessageStatus","delivered"],["MessageStatus","sent"],'
    '["To","+1],["MessagingServiceSid","MG],["MessageSid","MM],["MessageSid","SM],["AccountSid","AC],["From","+1],'
    '["ApiVersion","2010-04-01"]],"json":null,"service_sid":"","event":"","token":"'
    '","policy":{"retries":1,"connect":5000,"read":15000,"total":15000,"on":["ct"],"counter":"","cookie":"",'
    '"attempt_sid":""},"https://",[["Accept","*/*"],["Cache-Control","max-age=259200"],'
    '["Content-Type","application/json"],'
    '["Content-Type","application/x-www-form-urlencoded; charset=utf-8"],["User-Agent","TwilioProxy/1.1"],'
    '["X-Home-Region","us1"],["I-Twilio-Idempotency-Token",""],["X-Twilio-Signature","="]],['
    '["Content-Type","text/plain"],["content-type","text/plain"],["Content-Length","2"],["date","],["server","],'
    '["content-length","2"],["content-length","0"]],""]',
)

_DICTIONARIES = {1: "".join(_VERSION_1).encode()}
_NEWEST = 1


class AttemptContent(msgspec.Struct, frozen=True, array_like=True):
    """The texts of an attempt: its webhook (JSON), the URL, the headers of request and response (JSON lists of pairs)
    and the response's body."""

    webhook: str
    url: str
    request_headers: str
    response_headers: str
    response_body: str


class _StoredContent(msgspec.Struct, frozen=True, array_like=True):
    webhook: msgspec.Raw
    url: str
    request_headers: msgspec.Raw
    response_headers: msgspec.Raw
    response_body: str


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_StoredContent).decode


def pack(content: AttemptContent, account_sid: str, service_sid: str) -> bytes:
    """Return the content for a row of this account and Service."""
    stored = _StoredContent(
        msgspec.Raw(content.webhook.encode()),
        content.url,
        msgspec.Raw(content.request_headers.encode()),
        msgspec.Raw(content.response_headers.encode()),
        content.response_body,
    )
    compressor = zlib.compressobj(
        _LEVEL,
        zlib.DEFLATED,
        _WINDOW,
        _MEMORY,
        zlib.Z_DEFAULT_STRATEGY,
        _dictionary(_NEWEST, account_sid, service_sid),
    )
    return bytes((_NEWEST,)) + compressor.compress(_encode(stored)) + compressor.flush()


def unpack(packed: bytes, account_sid: str, service_sid: str) -> AttemptContent:
    """Return the content of a row of this account and Service. Raise ValueError if it cannot be read."""
    if not packed or packed[0] not in _DICTIONARIES:
        raise ValueError("the content of an attempt is damaged, or of a later version")
    decompressor = zlib.decompressobj(_WINDOW, _dictionary(packed[0], account_sid, service_sid))
    try:
        stored = _decode(decompressor.decompress(packed[1:]) + decompressor.flush())
    except (zlib.error, msgspec.DecodeError) as error:
        raise ValueError("the content of an attempt is damaged") from error
    return AttemptContent(
        bytes(stored.webhook).decode(),
        stored.url,
        bytes(stored.request_headers).decode(),
        bytes(stored.response_headers).decode(),
        stored.response_body,
    )


def _dictionary(version: int, account_sid: str, service_sid: str) -> bytes:
    return _DICTIONARIES[version] + service_sid.encode() + account_sid.encode()
