"""The rules of command_status: the effect of a response to submit_sm on its message. Pure.

The table is inferred from what networks do; an operator parse_overrides it for each route by status.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import msgspec

from trunkline.transports.base import SenderKind
from trunkline.transports.smpp.commands import CommandStatus

UNKNOWN_ERROR = 30008
CONGESTED = 30017
_NO_SUCH_HANDSET = 30005
_BLOCKED = 30004
_ALPHA_REFUSED = 30018
_NUMBER_REFUSED = 30024

RETRY_DELAYS = (5.0, 30.0, 60.0)
"""The seconds to wait after a try that met a busy network; the last one repeats."""


class StatusAction(Enum):
    """The action on the segment whose response came."""

    ACCEPT = "accept"
    THROTTLE = "throttle"
    """Slow down and send it again."""
    RETRY = "retry"
    """Hand the message over later."""
    REBIND = "rebind"
    """The session is broken: bind anew, and hand the message over later."""
    REJECT = "reject"
    """Never: the message fails."""


class StatusRule(msgspec.Struct, frozen=True):
    """An action, and the API's error code for a message that fails by it. ``our_fault`` if the network could not read
    the request, which is logged for the operator."""

    action: StatusAction
    error_code: int = UNKNOWN_ERROR
    our_fault: bool = False


_REFUSED = StatusRule(StatusAction.REJECT)
_UNREADABLE = StatusRule(StatusAction.REJECT, our_fault=True)
_NO_HANDSET = StatusRule(StatusAction.REJECT, _NO_SUCH_HANDSET)

TABLE: Mapping[int, StatusRule] = {
    CommandStatus.ROK: StatusRule(StatusAction.ACCEPT),
    CommandStatus.RTHROTTLED: StatusRule(StatusAction.THROTTLE, CONGESTED),
    CommandStatus.RMSGQFUL: StatusRule(StatusAction.RETRY, CONGESTED),
    CommandStatus.RSYSERR: StatusRule(StatusAction.RETRY),
    CommandStatus.RX_T_APPN: StatusRule(StatusAction.RETRY),
    CommandStatus.RINVBNDSTS: StatusRule(StatusAction.REBIND),
    CommandStatus.RINVDSTADR: _NO_HANDSET,
    CommandStatus.RINVDSTTON: _NO_HANDSET,
    CommandStatus.RINVDSTNPI: _NO_HANDSET,
    CommandStatus.RSUBMITFAIL: _REFUSED,
    CommandStatus.RX_P_APPN: StatusRule(StatusAction.REJECT, _BLOCKED),
    CommandStatus.RX_R_APPN: StatusRule(StatusAction.REJECT, _BLOCKED),
    CommandStatus.RINVMSGLEN: _UNREADABLE,
    CommandStatus.RINVCMDLEN: _UNREADABLE,
    CommandStatus.RINVCMDID: _UNREADABLE,
    CommandStatus.RINVESMCLASS: _UNREADABLE,
    CommandStatus.RINVOPTPARSTREAM: _UNREADABLE,
    CommandStatus.ROPTPARNOTALLWD: _UNREADABLE,
    CommandStatus.RINVPARLEN: _UNREADABLE,
    CommandStatus.RMISSINGOPTPARAM: _UNREADABLE,
    CommandStatus.RINVOPTPARAMVAL: _UNREADABLE,
}
_SENDER_REFUSED = (CommandStatus.RINVSRCADR, CommandStatus.RINVSRCTON, CommandStatus.RINVSRCNPI)
_WORDS = {action.value: action for action in (StatusAction.THROTTLE, StatusAction.RETRY)}


def parse_overrides(errors: Mapping[str, int | str]) -> dict[int, StatusRule]:
    """Return the operator's rules. ``errors`` goes from statuses, decimal or as ``0x58``, to ``"throttle"``,
    ``"retry"`` or the error code that the message fails with. Raise ValueError if it holds anything else."""
    found: dict[int, StatusRule] = {}
    for key, value in errors.items():
        try:
            status = int(key, 0)
        except ValueError:
            raise ValueError(f"errors: {key!r} is no command_status") from None
        if not 0 < status <= 0xFFFF_FFFF:
            raise ValueError(f"errors: {key!r} is no command_status of an error")
        if isinstance(value, int):
            if not 10_000 <= value <= 99_999:
                raise ValueError(f"errors: {value} is no error code of five digits")
            found[status] = StatusRule(StatusAction.REJECT, value)
        elif value in _WORDS:
            found[status] = StatusRule(_WORDS[value], CONGESTED)
        else:
            raise ValueError(f"errors: {value!r} is neither throttle nor retry nor an error code")
    return found


def rule_for(status: int, sender: SenderKind, operators: Mapping[int, StatusRule]) -> StatusRule:
    """Return the rule of a status; an undocumented one rejects the message."""
    if status in operators:
        return operators[status]
    if status in _SENDER_REFUSED:
        alphanumeric = sender is SenderKind.ALPHANUMERIC
        return StatusRule(StatusAction.REJECT, _ALPHA_REFUSED if alphanumeric else _NUMBER_REFUSED)
    return TABLE.get(status, _REFUSED)


def retry_delay(tries: int) -> float:
    """Return the seconds to wait before the next try of a message that used up ``tries`` before this one."""
    return RETRY_DELAYS[min(tries, len(RETRY_DELAYS) - 1)]
