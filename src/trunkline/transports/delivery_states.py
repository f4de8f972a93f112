"""The words of networks and gateways for the state of a message that is delivered or on its way. Pure.

A word that is not here is that of a failure. Case, spaces, hyphens and other signs in a word do not count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from trunkline.transports.base import ReceiptState

_SIGNS = re.compile(r"[\W_]+")
_LONGEST = 256

_DELIVERED = """
    delivered deliverd delivred delivrd dlivrd dlvrd delvrd dlvd deliveredtohandset deliveredtoterminal deliverysuccess
    success successful read seen displayed
"""
_ON_ITS_WAY = """
    accepted acceptd acknowledged buffered bufferd buffred created deferred delayed deliveredtonetwork dispatched
    enroute forwarded inprogress intransit messagewaiting new pending processing queued retrying scheduled schedld
    sending sent submit submitd submited submitted waiting
"""
_STATES: Mapping[str, ReceiptState] = {
    **dict.fromkeys(_DELIVERED.split(), ReceiptState.DELIVERED),
    **dict.fromkeys(_ON_ITS_WAY.split(), ReceiptState.ENROUTE),
}


def plain_word(word: str) -> str:
    """Return the letters and digits of a word, in lower case; of a longer text those of its begin."""
    return _SIGNS.sub("", word[:_LONGEST]).lower()


def state_of_word(word: str) -> ReceiptState | None:
    """Return the state that a word is for; None if it is neither delivered nor on its way."""
    return _STATES.get(plain_word(word))
