"""The hosts that are this server's own, and no domain of an account, in every spelling."""

from __future__ import annotations

import pytest

from trunkline.app.products import products
from trunkline.products.messaging.links.domains import BadDomain, read_name
from trunkline.products.messaging.links.own_hosts import PRODUCT_LABELS, own_hosts
from trunkline.settings import Settings
from trunkline.settings.messaging import MessagingSettings
from trunkline.transports.http.settings import HttpRoute
from trunkline.transports.options import SandboxRoute
from trunkline.transports.smpp.settings import SmppRoute

OWN = own_hosts(
    (
        "https://User@Trunkline.Example.com.:8443/base",
        "api-node-1",
        "Node.Internal.",
        *MessagingSettings(
            carriers=(
                SandboxRoute(),
                SmppRoute(name="a", host="SMSC.Carrier.example", system_id="x"),
                HttpRoute(name="b", url="https://gate.carrier.example/send", secret="x" * 32),
            )
        ).carrier_hosts,
    )
)


@pytest.mark.parametrize(
    "host",
    [
        "trunkline.example.com",
        "api-node-1",
        "node.internal",
        "smsc.carrier.example",
        "gate.carrier.example",
        "twilio.com",
        "api.twilio.com",
        "sync.dublin.ie1.twilio.com",
        "twiliocdn.com",
        "media.twiliocdn.com",
        "localhost",
        "localhost.localdomain",
        "ip6-localhost",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "10.example.0x1",
        "203.0.113.7",
        "sync.localhost",
        "messaging.trunkline.example.com",
        "ip-messaging.example.com",
        *PRODUCT_LABELS,
    ],
)
def test_own_hosts_are_no_domain_in_any_spelling(host: str) -> None:
    assert OWN.reason(host)
    for spelling in (host, host.upper(), f"{host}.", f"{host}:8080", f" {host}.:443 "):
        assert OWN.reason(read_name(spelling).host), spelling
    for spelling in (
        f"user@{host}",
        f"user:word@{host}:80",
        f"https://{host}",
        f"{host}/",
        f"{host}..",
        f"{host}:",
    ):
        with pytest.raises(BadDomain):
            read_name(spelling)


@pytest.mark.parametrize(
    "host",
    [
        "go.example.com",
        "go.localhost",
        "example.com",
        "go.trunkline.example.com",
        "xtwilio.com",
        "twilio.com.example",
        "localhost.example",
        "syncs.example.com",
        "7.example",
        "0xy.zz",
        "carrier.example",
        "xn--bcher-kva.example",
    ],
)
def test_other_hosts_may_be_domains(host: str) -> None:
    assert OWN.reason(host) == ""
    assert read_name(f"{host.upper()}.:8443").name == f"{host}:8443"


def test_without_settings_nothing_is_named() -> None:
    bare = own_hosts(("", "::1", "["))
    assert bare.reason("trunkline.example.com") == ""
    assert bare.reason("localhost")


def test_the_labels_are_those_of_the_products_hosts() -> None:
    mounted = {mount.host for manifest in products(Settings()) for mount in manifest.product.mounts}
    assert set(PRODUCT_LABELS) == mounted
