"""Every operation of Messaging in the vendor's documents: the SDKs call it, and its response fits its
document.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from clients.asking import Account, Client
from clients.messaging.beside import attach, beside
from clients.messaging.test_compliance import CAMPAIGN, NEW_CAMPAIGN, VERIFICATION, brand
from clients.recorder import Operation, Recorder, recorded
from contract.documents import document
from servers import Server
from trunkline.core.sids import new_sid
from trunkline.core.storage.database import Tx
from trunkline.products.messaging.compliance.reviews import Decision, DecisionKind, decide_review
from trunkline.products.messaging.links.domains import add_domain
from trunkline.products.messaging.links.own_hosts import own_hosts

pytestmark = pytest.mark.parametrize("sdk", ["python", "python-async", "node"])
"""6.10 has few of them; those are tried with each resource."""

SERVICES, NUMBERS, MESSAGES = "messaging.v1.services", "incoming_phone_numbers", "messages"
OF_2010 = ("Messages", "IncomingPhoneNumbers", "SMS/ShortCodes", "AvailablePhoneNumbers", "Applications")
NOT_OURS = ("/AssignedAddOns", "/Recordings")
"""Below numbers, what belongs to other products."""


def documented() -> set[Operation]:
    """Return the operations of Messaging v1, and of the resources of 2010 that belong to it."""
    found: set[Operation] = set()
    for product, version in (("messaging", "v1"), ("api", "2010-04-01")):
        for template, methods in document(product, version).source["paths"].items():
            inner = template.partition("/Accounts/{AccountSid}/")[2].removesuffix(".json")
            ours = any(inner == one or inner.startswith(f"{one}/") for one in OF_2010)
            # An attachment itself has no ending, and no SDK asks for it.
            ours = ours and template.endswith(".json")
            if product == "messaging" or (ours and not any(one in inner for one in NOT_OURS)):
                found |= {
                    (product, method.upper(), template)
                    for method in methods
                    if method in ("get", "post", "delete")
                }
    return found


@pytest.fixture
def recorder(server: Server) -> Iterator[Recorder]:
    """Yield a relay to the server."""
    with recorded(server.url) as made:
        yield made


@pytest.fixture
def stock(server: Server, account: Account) -> dict[str, str]:
    """Return numbers of the account by their kind, and the SID of a domain."""
    sids = {
        "local": new_sid("PN"),
        "toll-free": new_sid("PN"),
        "short-code": new_sid("SC"),
        "channel": new_sid("XE"),
    }
    digits = f"{int(sids['local'][2:10], 16) % 10_000_000:07}"
    addresses = {
        "local": f"+1212{digits}",
        "toll-free": f"+1800{digits}",
        "short-code": digits[:6].replace("0", "9"),
        "channel": f"whatsapp:+1212{digits}",
    }

    async def add(tx: Tx) -> str:
        for kind, sid in sids.items():
            await tx.run(
                "INSERT INTO numbers (number, kind, country, sms, mms, voice, carrier, rate, account_sid, sid)"
                " VALUES (:number, :kind, 'US', TRUE, TRUE, TRUE, '', 0, :account_sid, :sid)",
                number=addresses[kind],
                kind=kind,
                account_sid=account.sid,
                sid=sid,
            )
        return (await add_domain(tx, account.sid, f"d{digits}.example.com", own_hosts(()))).sid

    domain_sid: str = beside(server, lambda database, _: database.write(add))
    return {
        **sids,
        "domain": domain_sid,
        "address": addresses["local"],
        "channel address": addresses["channel"],
    }


def test_every_operation_is_called(
    client: Client, server: Server, account: Account, recorder: Recorder, stock: dict[str, str]
) -> None:
    client = client.but(base=recorder.url)
    service_sid = client.call(SERVICES, "create", FriendlyName="of a test")["sid"]
    service = f"{SERVICES}({service_sid})"
    senders(client, service, stock)
    registrations(client, service, service_sid)
    rejected_brand(client, server, account)
    verifications(client, stock)
    links(client, service_sid, stock["domain"])
    numbers(client, stock)
    messages(client, server, account)
    client.call(service, "fetch")
    client.call(service, "update", FriendlyName="Other")
    client.call(SERVICES, "list")
    client.call("messaging.v1.usecases", "fetch")
    client.call(service, "delete")
    missing = documented() - recorder.answered
    assert not missing, sorted(missing)
    assert not recorder.faults, "\n".join(recorder.faults)
    assert len([one for one in recorder.answered if one[0] == "messaging"]) == 58


def through(client: Client, chain: str, parameters: dict[str, Any], sid: str = "sid") -> None:
    """Create, fetch, list and delete."""
    made = client.call(chain, "create", parameters)
    client.call(f"{chain}({made[sid]})", "fetch")
    assert client.call(chain, "list")
    client.call(f"{chain}({made[sid]})", "delete")


def senders(client: Client, service: str, stock: dict[str, str]) -> None:
    """Call the operations of a pool's five kinds of senders."""
    through(client, f"{service}.phone_numbers", {"PhoneNumberSid": stock["local"]})
    through(client, f"{service}.short_codes", {"ShortCodeSid": stock["short-code"]})
    through(client, f"{service}.alpha_senders", {"AlphaSender": "Acme Co"})
    through(client, f"{service}.destination_alpha_senders", {"AlphaSender": "Acme", "IsoCountryCode": "FR"})
    through(client, f"{service}.channel_senders", {"Sid": stock["channel"]})


def registrations(client: Client, service: str, service_sid: str) -> None:
    """Call the operations of brands and campaigns."""
    brands = "messaging.v1.brand_registrations"
    sole, made = brand(client, BrandType="SOLE_PROPRIETOR"), brand(client)
    client.call(f"{brands}({sole['sid']}).brand_registration_otps", "create")
    one = f"{brands}({made['sid']})"
    client.call(one, "fetch")
    client.call(brands, "list")
    vettings = f"{one}.brand_vettings"
    vetting = client.call(vettings, "create", VettingProvider="campaign-verify", VettingId="cv|1.0|x")
    client.call(f"{vettings}({vetting['brand_vetting_sid']})", "fetch")
    client.call(vettings, "list")
    campaigns = f"{service}.us_app_to_person"
    form = {**CAMPAIGN, **NEW_CAMPAIGN, "BrandRegistrationSid": made["sid"]}
    campaign = f"{campaigns}({client.call(campaigns, 'create', form)['sid']})"
    client.call(campaign, "fetch")
    client.call(campaigns, "list")
    client.call(campaign, "update", CAMPAIGN)
    client.call(f"{service}.us_app_to_person_usecases", "fetch")
    client.call(campaign, "delete")
    elsewhere = {"CampaignId": "CABC123", "MessagingServiceSid": service_sid}
    client.call("messaging.v1.external_campaign", "create", elsewhere)


def rejected_brand(client: Client, server: Server, account: Account) -> None:
    """Return a brand that may be handed in again, because it was rejected."""
    sid = brand(client)["sid"]

    async def reject(tx: Tx) -> Any:
        return await decide_review(tx, account.sid, sid, Decision(kind=DecisionKind.REJECT, reason="No."))

    beside(server, lambda database, _: database.write(reject))
    client.call(f"messaging.v1.brand_registrations({sid})", "update")


def verifications(client: Client, stock: dict[str, str]) -> None:
    """Call the operations of toll-free verifications, and of numbers that were given up."""
    chain = "messaging.v1.tollfree_verifications"
    form = {**VERIFICATION, "TollfreePhoneNumberSid": stock["toll-free"]}
    one = f"{chain}({client.call(chain, 'create', form)['sid']})"
    client.call(one, "fetch")
    client.call(chain, "list")
    client.call(one, "update", MessageVolume="10")
    client.call(one, "delete")
    yesterday = datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=1)
    client.call("messaging.v1.deactivations()", "fetch", Date=yesterday.isoformat())


def links(client: Client, service_sid: str, domain_sid: str) -> None:
    """Link shortening."""
    v1 = "messaging.v1"
    pair = f"{v1}.linkshortening_messaging_service({domain_sid},{service_sid})"
    client.call(pair, "create")
    of_service = f"{v1}.linkshortening_messaging_service_domain_association({service_sid})"
    assert client.call(of_service, "fetch")["domain_sid"] == domain_sid
    config = f"{v1}.domain_config({domain_sid})"
    client.call(config, "update", FallbackUrl="https://example.com/lost")
    assert client.call(config, "fetch")["fallback_url"] == "https://example.com/lost"
    client.call(f"{v1}.domain_config_messaging_service({service_sid})", "fetch")
    certificate = f"{v1}.domain_certs({domain_sid})"
    client.call(certificate, "update", TlsCert=pem())
    client.call(certificate, "fetch")
    client.call(certificate, "delete")
    client.call(f"{v1}.request_managed_cert({domain_sid})", "update")
    client.call(f"{v1}.domain_validate_dns({domain_sid})", "fetch")
    client.call(pair, "delete")


def pem() -> str:
    """Return a certificate with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "links.example.com")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("*.example.com")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return (
        made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(serialization.Encoding.PEM, *form)
    ).decode()


def numbers(client: Client, stock: dict[str, str]) -> None:
    """Call the operations of numbers, short codes and applications."""
    countries = "available_phone_numbers"
    client.call(countries, "list")
    client.call(f"{countries}(US)", "fetch")
    for kind in ("local", "mobile", "toll_free", "national", "voip", "shared_cost", "machine_to_machine"):
        client.call(f"{countries}(US).{kind}", "list", Limit=1)
    for chain, kind in (
        (NUMBERS, "local"),
        (f"{NUMBERS}.local", "local"),
        (f"{NUMBERS}.mobile", "mobile"),
        (f"{NUMBERS}.toll_free", "toll_free"),
    ):
        country = "SE" if kind == "mobile" else "US"
        found = client.call(f"{countries}({country}).{kind}", "list", Limit=1)[0]["phone_number"]
        bought = client.call(chain, "create", PhoneNumber=found)
        client.call(chain, "list")
        one = f"{NUMBERS}({bought['sid']})"
        client.call(one, "fetch")
        client.call(one, "update", FriendlyName="Front desk")
        client.call(one, "delete")
    code = f"short_codes({stock['short-code']})"
    client.call("short_codes", "list")
    client.call(code, "fetch")
    client.call(code, "update", FriendlyName="Votes")
    made = client.call("applications", "create", FriendlyName="Bot")
    application = f"applications({made['sid']})"
    client.call(application, "fetch")
    client.call(application, "update", SmsMethod="GET")
    client.call("applications", "list")
    client.call(application, "delete")


def messages(client: Client, server: Server, account: Account) -> None:
    """Call the operations of messages and of what is below them."""
    made = client.call(
        MESSAGES, "create", To="+447400123457", From="Acme Co", Body="Hello", ProvideFeedback=True
    )
    one = f"{MESSAGES}({made['sid']})"
    client.call(f"{one}.feedback", "create", Outcome="confirmed")

    [attached] = attach(server, account.sid, made["sid"], "image/png")
    medium = f"{one}.media({attached})"
    client.call(f"{one}.media", "list")
    shown = client.call(medium, "fetch")
    # No SDK has the attachment itself: its address is the resource's, without the ending.
    content = httpx.get(server.url + shown["uri"].removesuffix(".json"), trust_env=False, verify=False)
    assert (content.status_code, content.content) == (200, b"x")
    client.call(medium, "delete")
    client.call(MESSAGES, "list")
    while client.call(one, "fetch")["status"] not in ("delivered", "undelivered", "failed"):
        pass
    client.call(one, "update", Body="")
    client.call(one, "delete")
