"""Realtime clients of Trunkline: they log in, ask, subscribe and count, and read no more of a packet than that."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from typing import Any

from benchmarks.live.sockets import Socket, connect, masked
from benchmarks.live.tally import Tally
from keepalive import ConnectionClosed, ConnectionLost

PATH = "/v3/wsconnect"
TYPES = ("twilio.sync.event", *(f"com.twilio.rtd.cds.{kind}" for kind in ("document", "list", "map")))
_HOUR = 3600
_ID_SIZE = 34


def access_token(account_sid: str, key: tuple[str, str], service_sid: str) -> str:
    """Return a token as the SDKs' ``AccessToken`` makes it, good for an hour; ``key`` is its SID and its
    secret.
    """
    now = int(time.time())
    header = {"typ": "JWT", "alg": "HS256", "cty": "twilio-fpa;v=1"}
    grants = {"identity": "bench", "data_sync": {"service_sid": service_sid}}
    claims = {
        "jti": f"{key[0]}-{now}",
        "iss": key[0],
        "sub": account_sid,
        "exp": now + _HOUR,
        "grants": grants,
    }
    signed = b".".join(_part(json.dumps(one).encode()) for one in (header, claims))
    return (signed + b"." + _part(hmac.digest(key[1].encode(), signed, hashlib.sha256))).decode()


def _part(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def packet(method: str, payload: bytes = b"", id: str = "TM" + "0" * 32, **fields: Any) -> bytes:
    """Return a packet in its frame."""
    contents = {"id": id, "method": method, **fields, "payload_size": len(payload)}
    header = json.dumps(contents, separators=(",", ":")).encode()
    return masked(b"TWILSOCK V3.0 %d\r\n%b\r\n%b" % (len(header), header, payload))


def request(method: str, path: str, body: Any = None) -> bytes:
    """Return a tunnelled request in its frame, with the headers that the SDK sends."""
    payload = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json",
        "Twilio-Sync-Client-Info": '{"sdk":"js","sdkVer":"4.0.1","os":"Node","osVer":"20","pl":"js","plVer":"20"}',
        "Twilio-Request-Id": "RQ" + "0" * 32,
    }
    http_request = {
        "host": "cds.us1.twilio.com",
        "path": path,
        "method": method,
        "params": {},
        "headers": headers,
    }
    return packet(
        "message",
        payload,
        active_grant="data_sync",
        payload_type="application/json",
        http_request=http_request,
    )


def subscribe(sid: str, kind: str, last_event_id: int) -> bytes:
    """Return a request for notifications of an object's changes after an event."""
    subject = {"object_sid": sid, "object_type": kind, "last_event_id": last_event_id}
    batch = {"event_protocol_version": 4, "action": "establish", "correlation_id": 1, "requests": [subject]}
    return request("POST", "/v4/Subscriptions", batch)


class Client:
    """One client, with one request at a time. ``tally`` counts the notifications of changes."""

    __slots__ = ("_acknowledges", "_established", "_reply", "_socket", "_tally")

    def __init__(self, tally: Tally | None = None, *, acknowledges: bool = False) -> None:
        self._tally = tally
        self._acknowledges = acknowledges
        self._socket: Socket | None = None
        self._reply: asyncio.Future[bytes] | None = None
        self._established: asyncio.Future[None] | None = None

    async def log_in(self, url: str, token: str) -> None:
        """Connect and log in. Raise OSError, ConnectionLost."""
        self._socket = await connect(url, PATH, self._take)
        registration = {
            "product": "data_sync",
            "type": "ers",
            "notification_protocol_version": 0,
            "message_types": TYPES,
        }
        response = await self._exchange(
            packet(
                "init",
                token=token,
                continuation_token=None,
                metadata={"ver": "3", "sdk": "js", "sdkv": "1.0.2"},
                registrations=[registration],
                capabilities=["client_update", "offline_storage", "telemetry.v1"],
            )
        )
        if b'"status":{"code":200,' not in response:
            raise ConnectionLost(response.decode("utf-8", "replace"))

    async def request(self, frame: bytes) -> bool:
        """Send a tunnelled request and return whether its response was 2xx. Raise ConnectionClosed, ConnectionLost."""
        return b'"http_status":{"code":20' in await self._exchange(frame)

    async def follow(self, frame: bytes) -> None:
        """Send a request of ``subscribe`` and wait until the subscription stands."""
        established = self._established = asyncio.get_running_loop().create_future()
        if not await self.request(frame):
            raise ConnectionLost("the subscription was refused")
        await established

    @property
    def closed(self) -> bool:
        """True if the connection has ended, or never stood."""
        return self._socket is None or self._socket.closed

    def abort(self) -> None:
        """Close without a farewell."""
        if self._socket is not None:
            self._socket.abort()

    async def _exchange(self, frame: bytes) -> bytes:
        if self._socket is None or self.closed:
            raise ConnectionClosed
        self._reply = asyncio.get_running_loop().create_future()
        self._socket.send(frame)
        return await self._reply

    def _take(self, data: bytes, start: int, end: int) -> None:
        header = data.find(b"\r\n", start, end) + 2
        if data.startswith(b'{"method":"notification"', header):
            self._notified(data, header, end)
        elif data.startswith(b'{"method":"reply"', header):
            if self._reply is not None and not self._reply.done():
                self._reply.set_result(data[header:end])
        elif data.startswith(b'{"method":"close"', header):
            self.abort()

    def _notified(self, data: bytes, header: int, end: int) -> None:
        if self._acknowledges and self._socket is not None:
            at = data.find(b'"id":"', header, end) + 6
            self._socket.send(_acknowledgement(data[at : at + _ID_SIZE]))
        established = self._established
        if established is not None and data.find(b'"subscription_established"', header, end) >= 0:
            established.set_result(None)
            self._established = None
        elif self._tally is not None:
            self._tally.add(1)


def _acknowledgement(id: bytes) -> bytes:
    header = (
        b'{"id":"%b","method":"reply","payload_size":0,"payload_type":"application/json",'
        b'"status":{"code":200,"status":"OK"}}' % id
    )
    return masked(b"TWILSOCK V3.0 %d\r\n%b\r\n" % (len(header), header))
