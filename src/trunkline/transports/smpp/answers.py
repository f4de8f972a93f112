"""What a command_status that answers a submit means for the message. Pure.

The table is inferred from what networks do; an operator overrides it for each route by status.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import msgspec

from trunkline.transports.base import SenderKind
from trunkline.transports.smpp.commands import Status

UNKNOWN_ERROR = 30008
CONGESTED = 30017
_NO_SUCH_HANDSET = 30005
_BLOCKED = 30004
_ALPHA_REFUSED = 30018
_NUMBER_REFUSED = 30024

RETRY_DELAYS = (5.0, 30.0, 60.0)
"""Seconds to wait after a try that met a busy network; the last one repeats."""


class Action(Enum):
    """What to do with the part that was answered."""

    TAKEN = "taken"
    THROTTLE = "throttle"
    """Slow down and send it again."""
    RETRY = "retry"
    """Hand the message over later."""
    REBIND = "rebind"
    """The session is broken: bind anew, and hand the message over later."""
    REFUSED = "refused"
    """Never: the message fails."""


class Verdict(msgspec.Struct, frozen=True):
    """An action, and the API's error code that a message which fails by it gets. ``our_fault`` says that the network
    could not read the request, which the operator should hear of."""

    action: Action
    error_code: int = UNKNOWN_ERROR
    our_fault: bool = False


_REFUSED = Verdict(Action.REFUSED)
_UNREADABLE = Verdict(Action.REFUSED, our_fault=True)
_NO_HANDSET = Verdict(Action.REFUSED, _NO_SUCH_HANDSET)

TABLE: Mapping[int, Verdict] = {
    Status.ROK: Verdict(Action.TAKEN),
    Status.RTHROTTLED: Verdict(Action.THROTTLE, CONGESTED),
    Status.RMSGQFUL: Verdict(Action.RETRY, CONGESTED),
    Status.RSYSERR: Verdict(Action.RETRY),
    Status.RX_T_APPN: Verdict(Action.RETRY),
    Status.RINVBNDSTS: Verdict(Action.REBIND),
    Status.RINVDSTADR: _NO_HANDSET,
    Status.RINVDSTTON: _NO_HANDSET,
    Status.RINVDSTNPI: _NO_HANDSET,
    Status.RSUBMITFAIL: _REFUSED,
    Status.RX_P_APPN: Verdict(Action.REFUSED, _BLOCKED),
    Status.RX_R_APPN: Verdict(Action.REFUSED, _BLOCKED),
    Status.RINVMSGLEN: _UNREADABLE,
    Status.RINVCMDLEN: _UNREADABLE,
    Status.RINVCMDID: _UNREADABLE,
    Status.RINVESMCLASS: _UNREADABLE,
    Status.RINVOPTPARSTREAM: _UNREADABLE,
    Status.ROPTPARNOTALLWD: _UNREADABLE,
    Status.RINVPARLEN: _UNREADABLE,
    Status.RMISSINGOPTPARAM: _UNREADABLE,
    Status.RINVOPTPARAMVAL: _UNREADABLE,
}
_SENDER_REFUSED = (Status.RINVSRCADR, Status.RINVSRCTON, Status.RINVSRCNPI)
_WORDS = {action.value: action for action in (Action.THROTTLE, Action.RETRY)}


def overrides(told: Mapping[str, int | str]) -> dict[int, Verdict]:
    """The operator's table: from statuses, decimal or as ``0x58``, to ``"throttle"``, ``"retry"`` or the error code
    that the message fails with. Raises ValueError."""
    found: dict[int, Verdict] = {}
    for key, value in told.items():
        try:
            status = int(key, 0)
        except ValueError:
            raise ValueError(f"errors: {key!r} is no command_status") from None
        if not 0 < status <= 0xFFFF_FFFF:
            raise ValueError(f"errors: {key!r} is no command_status of an error")
        if isinstance(value, int):
            if not 10_000 <= value <= 99_999:
                raise ValueError(f"errors: {value} is no error code of five digits")
            found[status] = Verdict(Action.REFUSED, value)
        elif value in _WORDS:
            found[status] = Verdict(_WORDS[value], CONGESTED)
        else:
            raise ValueError(f"errors: {value!r} is neither throttle nor retry nor an error code")
    return found


def verdict(status: int, sender: SenderKind, operators: Mapping[int, Verdict]) -> Verdict:
    """What an answer means; a status that nobody knows refuses the message."""
    if status in operators:
        return operators[status]
    if status in _SENDER_REFUSED:
        alphanumeric = sender is SenderKind.ALPHANUMERIC
        return Verdict(Action.REFUSED, _ALPHA_REFUSED if alphanumeric else _NUMBER_REFUSED)
    return TABLE.get(status, _REFUSED)


def retry_delay(tries: int) -> float:
    """Seconds to wait before the next try of a message that used up ``tries`` before this one."""
    return RETRY_DELAYS[min(tries, len(RETRY_DELAYS) - 1)]
