"""What the rest of Trunkline may ask of Messaging."""

from __future__ import annotations

from trunkline.core.secrets import Vault
from trunkline.core.sids import is_sid
from trunkline.core.storage.database import Tx
from trunkline.products.messaging import services
from trunkline.products.messaging.compliance.brands import IDENTITIES
from trunkline.products.messaging.compliance.deactivations import add as add_deactivated
from trunkline.products.messaging.compliance.deactivations import added as deactivated_numbers
from trunkline.products.messaging.compliance.deactivations import remove as remove_deactivated
from trunkline.products.messaging.compliance.findings import Finding
from trunkline.products.messaging.compliance.reviews import Decision, Review, Verdict
from trunkline.products.messaging.compliance.reviews import decide as decide_review
from trunkline.products.messaging.compliance.reviews import find as find_review
from trunkline.products.messaging.compliance.reviews import waiting as waiting_reviews
from trunkline.products.messaging.links.domains import (
    BadDomain,
    Domain,
    add_domain,
    all_domains,
    certificate_label,
    find_domain,
    remove_domain,
)
from trunkline.products.messaging.numbers.owned import owned_by_account
from trunkline.products.messaging.numbers.parsing import parse_recipient
from trunkline.products.messaging.numbers.stock import stock_sandbox
from trunkline.products.messaging.opt_outs.advanced import MAX_SETS, Advanced
from trunkline.products.messaging.opt_outs.advanced import change as change_advanced_opt_out
from trunkline.products.messaging.opt_outs.advanced import find as find_advanced_opt_out
from trunkline.products.messaging.opt_outs.blocks import NEWEST, Block, block, page_blocks, unblock
from trunkline.products.messaging.opt_outs.keywords import KeywordError, KeywordSet
from trunkline.products.messaging.text.segments import segment
from trunkline.transports.base import Encoding

__all__ = [
    "IDENTITIES",
    "MAX_SETS",
    "NEWEST",
    "Advanced",
    "BadDomain",
    "Block",
    "Decision",
    "Domain",
    "Finding",
    "KeywordError",
    "KeywordSet",
    "PhoneBook",
    "Review",
    "Verdict",
    "add_deactivated",
    "add_domain",
    "all_domains",
    "block",
    "change_advanced_opt_out",
    "cut",
    "deactivated_numbers",
    "decide_review",
    "domain_certificate",
    "find_advanced_opt_out",
    "find_review",
    "is_scope",
    "page_blocks",
    "read_address",
    "remove_deactivated",
    "remove_domain",
    "service_exists",
    "stock_sandbox",
    "unblock",
    "waiting_reviews",
]


async def service_exists(tx: Tx, account_sid: str, sid: str) -> bool:
    """Whether the account has a Messaging Service with this SID."""
    return await services.find(tx, account_sid, sid) is not None


async def is_scope(tx: Tx, account_sid: str, scope: str) -> bool:
    """Whether opt-outs of the account may have this scope: one of its Services, or its number outside of Services."""
    if is_sid(scope, "MG"):
        return await service_exists(tx, account_sid, scope)
    owned = await owned_by_account(tx, account_sid, scope)
    return owned is not None and owned.service_sid is None


def read_address(text: str) -> str | None:
    """An address in the form in which messages have it; None for what is none."""
    read = parse_recipient(text)
    return None if read is None else read.address


def cut(text: str) -> tuple[Encoding, tuple[str, ...]]:
    """The alphabet of a text, and its segments."""
    segmented = segment(text)
    return segmented.encoding, segmented.parts


class PhoneBook:
    """Reads numbers as people write them."""

    def segments(self, text: str) -> int:
        """How many segments a text takes."""
        return len(segment(text).parts)

    def address(self, text: str) -> str:
        """A phone's number as messages to it name it; what is no number stays as it is."""
        return read_address(text) or text

    async def owned(self, tx: Tx, account_sid: str, text: str) -> str | None:
        """The account's number that ``text`` means; None when it has no such number."""
        found = await owned_by_account(tx, account_sid, self.address(text))
        return None if found is None else found.number


async def domain_certificate(tx: Tx, vault: Vault, account_sid: str, sid: str) -> str | None:
    """The certificate and key of a domain of short links, in PEM; None when it has none."""
    domain = await find_domain(tx, account_sid, sid)
    if domain is None or domain.certificate is None:
        return None
    return vault.open(certificate_label(sid), domain.certificate)
