"""The environment variables, in the forms of shells and containers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from trunkline.switch.environment import REMOVED, ProxyAddress, foreign, variables
from trunkline.switch.environment_forms import EnvironmentForm, failing_output, failure, render

SID = "AC" + "0" * 32
OURS, THEIRS = "SK" + "1" * 32, "SK" + "2" * 32
PROXY = ProxyAddress("http://127.0.0.1:8081", PurePosixPath("/data/ca.pem"))
JAVA = "-Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=8081 -Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=8081"
AWKWARD = "a b'c\"d $HOME `e` \\f %g% \N{RIGHT SINGLE QUOTATION MARK}h !i #j"


def test_the_variables_are_exactly_these() -> None:
    proxies = dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"), PROXY.url)
    direct = {"NO_PROXY": "localhost,127.0.0.1,::1"}
    assert variables(PROXY, SID, "secret") == {
        "TWILIO_ACCOUNT_SID": SID,
        "TWILIO_AUTH_TOKEN": "secret",
        **proxies,
        **direct,
        **{name.lower(): value for name, value in (proxies | direct).items()},
        "NODE_USE_ENV_PROXY": "1",
        "SSL_CERT_FILE": "/data/ca.pem",
        "SSL_CERT_DIR": "/data",
        "CURL_CA_BUNDLE": "/data/ca.pem",
        "REQUESTS_CA_BUNDLE": "/data/ca.pem",
        "NODE_EXTRA_CA_CERTS": "/data/ca.pem",
        "NODE_OPTIONS": "--use-openssl-ca",
        "JAVA_TOOL_OPTIONS": JAVA,
    }


def test_the_servers_own_host_is_reached_without_the_proxy() -> None:
    found = variables(ProxyAddress("http://trunkline:8081", PROXY.ca), SID, "secret")
    assert found["NO_PROXY"] == found["no_proxy"] == "localhost,127.0.0.1,::1,trunkline"


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("NODE_OPTIONS", "--max-old-space-size=99", "--max-old-space-size=99 --use-openssl-ca"),
        ("NODE_OPTIONS", "--use-openssl-ca --inspect", "--inspect --use-openssl-ca"),
        ("JAVA_TOOL_OPTIONS", "-Dhttps.proxyHost=other", f"-Dhttps.proxyHost=other {JAVA}"),
        ("NODE_OPTIONS", '-r "a  b/\\"c.js"  --inspect', '-r "a  b/\\"c.js"  --inspect --use-openssl-ca'),
        ("NODE_OPTIONS", '-r "x --use-bundled-ca"', '-r "x --use-bundled-ca" --use-openssl-ca'),
        ("NODE_OPTIONS", "--use-bundled-ca", "--use-openssl-ca"),
        ("NODE_OPTIONS", "--use-system-ca --use_bundled_ca -r  x", "-r  x --use-openssl-ca"),
        ("NODE_OPTIONS", '-r x "--use-bundled-ca" -r y', "-r x -r y --use-openssl-ca"),
        ("NODE_OPTIONS", '-r "x', '-r "x --use-openssl-ca'),
        ("JAVA_TOOL_OPTIONS", JAVA, JAVA),
        ("JAVA_TOOL_OPTIONS", f"-Da='b  c'  {JAVA}", f"-Da='b  c'  {JAVA}"),
        ("JAVA_TOOL_OPTIONS", "-Da='b  c'", f"-Da='b  c' {JAVA}"),
    ],
)
def test_the_options_of_node_and_java_are_kept(name: str, given: str, expected: str) -> None:
    assert variables(PROXY, SID, "t", {name: given})[name] == expected


def test_nothing_makes_node_trust_other_authorities() -> None:
    assert {"NODE_TLS_REJECT_UNAUTHORIZED", "NODE_USE_SYSTEM_CA"} <= set(REMOVED)


def test_a_relative_path_is_refused() -> None:
    with pytest.raises(ValueError, match="not absolute"):
        variables(ProxyAddress("http://h:1", PurePosixPath("data/ca.pem")), SID, "t")


@pytest.mark.parametrize(
    ("environment", "left_out"),
    [
        ({"TWILIO_API_KEY": OURS, "TWILIO_API_SECRET": "s"}, []),
        ({"TWILIO_API_KEY": THEIRS, "TWILIO_API_SECRET": "s"}, ["TWILIO_API_KEY", "TWILIO_API_SECRET"]),
        ({"MY_KEY": THEIRS, "TWILIO_API_KEY": OURS, "TWILIO_API_SECRET": "s"}, ["MY_KEY"]),
        (
            {"TWILIO_SID": SID, "TWILIO_TOKEN": "t", "TWILIO_NUMBER": "+1"},
            ["TWILIO_SID", "TWILIO_TOKEN"],
        ),
        ({"PATH": "/bin", "TWILIO_API_SECRET": "s"}, []),
    ],
)
def test_credentials_of_others_are_foreign(environment: dict[str, str], left_out: list[str]) -> None:
    assert foreign(environment, {OURS}) == left_out


def test_a_shell_reads_back_what_was_meant() -> None:
    given = variables(ProxyAddress("http://h:1", Path(f"/tmp/{AWKWARD}/ca.pem")), SID, AWKWARD)
    show = f"{sys.executable} -c 'import json, os; print(json.dumps(dict(os.environ)))'"
    script = "\n".join([render(EnvironmentForm.SH, given, REMOVED), show])
    shown = subprocess.run(
        ["/bin/sh", "-e", "-c", script],
        env={"https_proxy": "http://old:1", "TWILIO_EDGE": "dublin"},
        capture_output=True,
        check=True,
    )
    found = json.loads(shown.stdout)
    assert {name: found.get(name) for name in given} == given
    assert "TWILIO_EDGE" not in found


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (EnvironmentForm.SH, "unset B\nexport A='it'\"'\"'s \\ $1'"),
        (EnvironmentForm.FISH, "set -e B\nset -gx A 'it\\'s \\\\ $1'"),
        (
            EnvironmentForm.POWERSHELL,
            "Remove-Item Env:B -ErrorAction SilentlyContinue\n$env:A = 'it''s \\ $1'",
        ),
        (EnvironmentForm.DOCKER, "A=it's \\ $1"),
        (EnvironmentForm.COMPOSE, 'environment:\n  A: "it\'s \\\\ $$1"'),
        (EnvironmentForm.JSON, '{\n  "A": "it\'s \\\\ $1"\n}'),
    ],
)
def test_each_form_quotes_in_its_way(form: EnvironmentForm, text: str) -> None:
    assert render(form, {"A": "it's \\ $1"}, ["B"]) == text


def test_powershell_takes_every_single_quote_for_one() -> None:
    assert render(EnvironmentForm.POWERSHELL, {"A": "\u2018a\u2019'\u201b"}) == (
        "$env:A = '\u2018\u2018a\u2019\u2019''\u201b\u201b'"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("http://h:1,::1", "A=http://h:1,::1"),
        ("a b $c #d", "A='a b $c #d'"),
        ("it's", 'A="it\'s"'),
        ("", "A="),
    ],
)
def test_dotenv_quotes_what_every_reader_understands(value: str, text: str) -> None:
    assert render(EnvironmentForm.DOTENV, {"A": value}) == text


@pytest.mark.parametrize("value", ["${HOME}", "a\\b c", "a\nb", "it's \"", "it's $a"])
def test_dotenv_has_no_form_for_all(value: str) -> None:
    with pytest.raises(ValueError, match="dotenv files have no form"):
        render(EnvironmentForm.DOTENV, {"A": value})


def test_docker_has_no_form_for_lines() -> None:
    with pytest.raises(ValueError, match="no form for"):
        render(EnvironmentForm.DOCKER, {"A": "a\nb"})


def test_containers_get_the_certificate_as_a_volume() -> None:
    mount = "/my data/ca.pem:/ca.pem:ro"
    assert render(EnvironmentForm.COMPOSE, {"A": "1"}, mount=mount).splitlines() == [
        "environment:",
        '  A: "1"',
        "volumes:",
        '  - "/my data/ca.pem:/ca.pem:ro"',
    ]
    assert render(EnvironmentForm.DOCKER, {"A": "1"}, mount=mount).splitlines() == [
        f"# docker run --env-file FILE -v '{mount}' …",
        "A=1",
    ]


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (EnvironmentForm.SH, "false # a b"),
        (EnvironmentForm.FISH, "false # a b"),
        (EnvironmentForm.DOTENV, "false # a b"),
        (EnvironmentForm.DOCKER, "false # a b"),
        (EnvironmentForm.POWERSHELL, "throw 'a b'"),
        (EnvironmentForm.COMPOSE, 'false: "a b"'),
        (EnvironmentForm.JSON, 'false: "a b"'),
    ],
)
def test_a_failure_fails_where_it_is_read(form: EnvironmentForm, text: str) -> None:
    assert failure(form, "a\nb") == text


@pytest.mark.parametrize(
    ("arguments", "begin"),
    [
        ([], "false # "),
        (["--format", "powershell"], "throw "),
        (["--data-dir", "x", "--format=compose"], "false: "),
        (["--format", "nonsense"], "false # "),
    ],
)
def test_a_failed_command_prints_what_fails(arguments: list[str], begin: str) -> None:
    assert failing_output(arguments).startswith(begin)
