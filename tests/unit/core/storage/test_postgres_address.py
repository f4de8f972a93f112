"""Addresses of PostgreSQL: each part works, or is refused in one line that repeats no password."""

from __future__ import annotations

import pytest

from trunkline.core.storage.database import StorageError
from trunkline.core.storage.postgres_address import PostgresAddress, parse_address, with_environment

HINT = "signs such as @ : / \\? # in a user or password must be percent-encoded"


def parsed(rest: str) -> PostgresAddress:
    return parse_address(f"postgresql://{rest}")


@pytest.mark.parametrize(
    ("rest", "hosts"),
    [
        ("db/x", (("db", None),)),
        ("db:5433/x", (("db", 5433),)),
        ("a,b:5433,[::1]:5434/x", (("a", None), ("b", 5433), ("::1", 5434))),
        ("[fe80::1%25eth0]/x", (("fe80::1%eth0", None),)),
        ("u@/x", ()),
        ("/x?port=5433", (("", 5433),)),
        ("/x?host=a,b&port=1,2", (("a", 1), ("b", 2))),
        ("/x?host=a,b&port=1", (("a", 1), ("b", 1))),
        ("a,b/x?port=7", (("a", 7), ("b", 7))),
        ("/x?host=/var/run/postgresql", (("/var/run/postgresql", None),)),
        ("/x?host=::1&port=5", (("::1", 5),)),
        ("%2Fvar%2Frun%2Fpostgresql:5433/x", (("/var/run/postgresql", 5433),)),
    ],
)
def test_hosts(rest: str, hosts: tuple[tuple[str, int | None], ...]) -> None:
    found = parsed(rest)
    assert found.hosts == hosts
    assert found.database == "x"


@pytest.mark.parametrize(
    ("rest", "login"),
    [
        ("db", (None, None, None)),
        ("u@db/x", ("u", None, "x")),
        ("u:@db/x", ("u", None, "x")),
        ("u%40corp:p%3Aw%2F%3F%23%25@db/my%20data", ("u@corp", "p:w/?#%", "my data")),
        ("u:p@ss@db/x", ("u", "p@ss", "x")),
        ("u:a+b@db/x", ("u", "a+b", "x")),
        ("db?user=u&password=a+b%26c&dbname=x", ("u", "a+b&c", "x")),
        ("db?database=x", (None, None, "x")),
    ],
)
def test_logins(rest: str, login: tuple[str | None, str | None, str | None]) -> None:
    found = parsed(rest)
    assert (found.user, found.password or None, found.database) == login


@pytest.mark.parametrize(
    "parameter",
    [
        *(
            f"sslmode={mode}"
            for mode in ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
        ),
        *(f"{name}=/some/file" for name in ("sslcert", "sslkey", "sslrootcert", "sslcrl", "passfile")),
        *(f"target_session_attrs={value}" for value in ("read-write", "primary")),
        *("password_file=/run/secrets/x", "connect_timeout=3", "application_name=one", "sslpassword=x"),
        *("options=-c geqo=off", "ssl_min_protocol_version=TLSv1.3", "sslnegotiation=direct"),
        *("sslrootcert=system", "channel_binding=prefer", "gssencmode=disable", "client_encoding=UTF8"),
        *("load_balance_hosts=disable", "ssl_max_protocol_version=TLSv1.2", "client_encoding=utf-8"),
    ],
)
def test_parameters_that_work(parameter: str) -> None:
    name, _, value = parameter.partition("=")
    found = parsed(f"u:hush@db/x?{parameter}")
    assert found.parameters == {name: value}
    assert found.tls == ({name: value} if name.startswith("ssl") else {})


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("u:hush@db/x?sslmode=full", "sslmode of the PostgreSQL address must be disable, allow"),
        ("u:hush@db/x?target_session_attrs=standby", "must be read-write or primary: a node must write"),
        ("u:hush@db/x?target_session_attrs=any", "must be read-write or primary: a node must write"),
        ("u:hush@a..b/x", "parts of 1 to 63 characters"),
        (f"u:hush@{'a' * 64}/x", "parts of 1 to 63 characters"),
        ("/x?host=a..b", "parts of 1 to 63 characters"),
        ("u:hush@a%00b/x", "NUL"),
        ("u:hush%00@db/x", "NUL"),
        ("u:12/hush@db", "must be written %2F"),
        ("u:1@2?hush=z@db/x", "a parameter of the PostgreSQL address is not supported; these are: app"),
        ("/x?password=pa&hush", "a parameter of the PostgreSQL address is not supported"),
        ("/x?sslpassword=pa&service", "a parameter of the PostgreSQL address is not supported"),
        ("/x?pass%77ord=hush", "a parameter of the PostgreSQL address is not supported"),
        ("db/x?hush=1", "a parameter of the PostgreSQL address is not supported"),
        ("u:hush@db/x?ssl_min_protocol_version=TLSv1.0", "a version such as"),
        ("u:hush@db/x?connect_timeout=0", "connect_timeout .* must be seconds from 1"),
        ("u:hush@db/x?connect_timeout=soon", "connect_timeout .* must be seconds from 1"),
        ("u:hush@db/x?sslcert=", "sslcert .* must be the path of a file"),
        ("u:hush@db/x?channel_binding=require", "channel_binding"),
        ("u:hush@db/x?gssencmode=require", "gssencmode"),
        ("u:hush@db/x?client_encoding=LATIN1", "client_encoding"),
        ("u:hush@db/x?hostaddr=10.0.0.1", "parameter hostaddr .* not supported; these are: application_name"),
        ("u:hush@db/x?service=x", "parameter service .* not supported"),
        ("u:hush@db/x?sslmod=require", "a parameter of .* not supported"),
        ("u:hush@db/x?keepalives=1", "parameter keepalives .* not supported"),
        ("u:hush@db/x?options=%00", "NUL"),
        ("u:hush@db:nonsense/x", HINT),
        ("u:hush@db:0/x", "a port is a number from 1 to 65535"),
        ("u:hush@db:70000/x", "a port is a number from 1 to 65535"),
        ("u:hush@a,,b/x", HINT),
        ("u:hush@[::1/x", HINT),
        ("u:hu/sh@db/x", "must be written %2F"),
        ("u:hu?sh@db/x", "must be written %3F"),
        ("u:hu#sh@db/x", "must be written %23"),
        ("u:hush@db/x/y", "must be written %2F"),
        ("u:hush@db/x?host=other", "the host of the PostgreSQL address is given twice"),
        ("u:hush@db/x?password=hush", "the password of the PostgreSQL address is given twice"),
        ("u:hush@db/x?dbname=y", "the database of the PostgreSQL address is given twice"),
        ("u:hush@a,b,c/x?port=1,2", "one port, or one for each host"),
        ("/x?port=1,2", "one port, or one for each host"),
        ("", "a PostgreSQL address is postgresql://"),
    ],
)
def test_what_is_refused(rest: str, message: str) -> None:
    with pytest.raises(StorageError, match=message) as caught:
        parsed(rest)
    text = str(caught.value)
    assert "hush" not in text
    assert "sh@" not in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("rest", "environment", "hosts"),
    [
        ("/x", {"PGPORT": "5433"}, (("", 5433),)),
        ("/x", {"PGHOST": "a,b", "PGPORT": "1,2"}, (("a", 1), ("b", 2))),
        ("a,b/x", {"PGPORT": "1,2", "PGHOST": "c"}, (("a", 1), ("b", 2))),
        ("a:7,b/x", {"PGPORT": "1,2"}, (("a", 7), ("b", None))),
        ("/x?port=7", {"PGHOST": "a,b", "PGPORT": "1"}, (("a", 7), ("b", 7))),
        ("/x", {"PGHOST": "", "PGPORT": ""}, ()),
    ],
)
def test_hosts_and_ports_of_the_environment(
    rest: str, environment: dict[str, str], hosts: tuple[tuple[str, int | None], ...]
) -> None:
    assert with_environment(parsed(rest), environment).hosts == hosts


def test_the_address_wins_over_the_environment() -> None:
    environment = {"PGUSER": "u", "PGDATABASE": "d", "PGAPPNAME": "a", "PGOPTIONS": "-c geqo=off"}
    found = with_environment(parsed("db"), environment)
    assert (found.user, found.database) == ("u", "d")
    assert found.parameters == {"application_name": "a", "options": "-c geqo=off"}
    found = with_environment(parsed("v@db/x?application_name=b&options=c"), environment)
    assert (found.user, found.database) == ("v", "x")
    assert found.parameters == {"application_name": "b", "options": "c"}


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("PGPORT", "abc", "variable PGPORT must be port numbers"),
        ("PGPORT", "1,2", "one port, or one for each host"),
        ("PGPORT", "70000", "from 1 to 65535"),
        ("PGHOST", "a..b", "parts of 1 to 63 characters"),
        ("PGCONNECT_TIMEOUT", "2.5", "variable PGCONNECT_TIMEOUT must be seconds from 1 to 9999"),
        ("PGCONNECT_TIMEOUT", "0", "variable PGCONNECT_TIMEOUT must be seconds from 1 to 9999"),
        ("PGTARGETSESSIONATTRS", "standby", "variable PGTARGETSESSIONATTRS must be read-write or primary"),
        ("PGSSLMODE", "full", "variable PGSSLMODE must be disable"),
        ("PGSSLMINPROTOCOLVERSION", "TLSv9", "variable PGSSLMINPROTOCOLVERSION must be a version"),
        ("PGCHANNELBINDING", "require", "variable PGCHANNELBINDING must be"),
    ],
)
def test_what_is_refused_of_the_environment(variable: str, value: str, message: str) -> None:
    with pytest.raises(StorageError, match=message):
        with_environment(parsed("/x"), {variable: value})


def test_another_scheme_is_refused() -> None:
    with pytest.raises(StorageError):
        parse_address("mysql://db/x")
