"""Destinations: what a user may write, and one sentence with the fix for what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from spanscore.collector.config import ConfigError, load
from spanscore.collector.forward.loop import LoopError, check_no_loop
from spanscore.collector.forward.profile import PROFILES
from tests.support.forwarding import destination

TLS = Path(__file__).parents[2] / "support" / "tls"


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_each_table_of_the_file_is_a_destination_and_headers_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("THE_KEY", "secret-token")
    Path("spanscore.toml").write_text(
        '[[forward]]\nurl = "https://a.example.com"\nprofile = "jaeger"\n'
        'headers = { Authorization = "Bearer ${THE_KEY}" }\n'
        '[[forward]]\nname = "two"\nurl = "grpc://127.0.0.1"\nsignals = ["logs"]\n'
    )
    one, two = load().forward
    assert one.title == "jaeger"
    assert one.sent_headers == {"authorization": "Bearer secret-token"}
    assert "secret-token" not in repr(one)
    assert (one.host, one.port, one.is_tls, one.spoken) == (
        "a.example.com", 443, True, "http/protobuf",
    )  # fmt: skip
    assert (two.title, two.port, two.spoken, two.sent_signals) == ("two", 4317, "grpc", ("logs",))


def test_flags_take_the_place_of_the_file_and_may_name_a_profile() -> None:
    Path("spanscore.toml").write_text('[[forward]]\nurl = "https://a.example.com"\n')
    one, two = load(forward=["phoenix+http://127.0.0.1:6006", "http://127.0.0.1:4317"]).forward
    assert (one.profile, one.title, one.url) == ("phoenix", "phoenix", "http://127.0.0.1:6006")
    assert (two.title, two.spoken) == ("127.0.0.1:4317", "grpc")


def test_the_environment_lists_destinations_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANSCORE_FORWARD", "http://a.example.com, http://b.example.com")
    assert [to.host for to in load().forward] == ["a.example.com", "b.example.com"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('url = "127.0.0.1:4318"', "is no address of a backend; write http://HOST:PORT"),
        ('url = "http://a/v1/traces"', "give the address without /v1/"),
        ('url = "http://me:pw@a"', "put them into headers"),
        ('url = "http://a?x=1"', "leave out what follows the path"),
        ('url = "http://a"\nprofile = "nonsense"', "'nonsense' is no profile; there are jaeger"),
        ('url = "http://a"\nprofile = "mlflow"', "needs the header x-mlflow-experiment-id"),
        ('url = "http://a"\nprofile = "langfuse"', "needs the header authorization"),
        ('url = "http://a"\nprofile = "phoenix"\nprotocol = "http/json"',
         "Phoenix does not take http/json; set protocol = 'http/protobuf' or 'grpc'"),
        ('url = "http://a"\nheaders = { a = "${NOT_SET_ANYWHERE}" }',
         "a names ${NOT_SET_ANYWHERE}, which is not set"),
        ('url = "http://a"\nheaders = { a = "é" }', "a is no HTTP header"),
        ('url = "http://a"\nprotocol = "http"', "forward.0.protocol: "),
        ('url = "http://a"\ncolour = "red"', "forward.0.colour: there is no such setting; docs/f"),
        ('url = "http://a"\nmax_request = "1"', "forward.0.max_request: it must be"),
        ('url = "http://a"\ntls_ca = "no.pem"', "no.pem is no file"),
        ('url = "http://a"\nname = "two words"', "use letters, digits"),
        ('name = "x"', "forward.0.url: Field required"),
        ('url = "http://a"\n[[forward]]\nurl = "http://a"', "two destinations are called a:80"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_the_fix(table: str, message: str) -> None:
    Path("spanscore.toml").write_text(f"[[forward]]\n{table}\n")
    with pytest.raises(ConfigError) as raised:
        load()
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ('tls_ca = "text.pem"', "text.pem holds no certificate in PEM form"),
        (
            f'tls_cert = "{TLS / "cert.pem"}"\ntls_key = "{TLS / "expired-key.pem"}"',
            "are no pair of a certificate and its key",
        ),
    ],
)
@pytest.mark.parametrize("url", ["https://a", "grpcs://a"])
def test_files_that_no_connection_could_use_are_refused_at_start(
    files: str, message: str, url: str
) -> None:
    Path("text.pem").write_text("this is no certificate")
    Path("spanscore.toml").write_text(f'[[forward]]\nurl = "{url}"\n{files}\n')
    with pytest.raises(ConfigError, match=message):
        load()


def test_a_certificate_with_its_key_is_taken() -> None:
    to = destination("https://a", tls_cert=TLS / "cert.pem", tls_key=TLS / "key.pem")
    assert to.tls_cert == TLS / "cert.pem"


def test_a_secret_in_a_header_is_never_in_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_KEY", "top\nsecret")
    with pytest.raises(ConfigError) as raised:
        load(forward=[{"url": "http://a", "headers": {"k": "${THE_KEY}"}}])
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "door"),
    [
        ("http://127.0.0.1:4318", "127.0.0.1:4318"),
        ("http://localhost:4318", "127.0.0.1:4318"),
        ("http://127.0.0.1:4318", "0.0.0.0:4318"),
        ("grpc://localhost:4317", "[::]:4317"),
    ],
)
def test_forwarding_to_oneself_is_refused_by_the_address(url: str, door: str) -> None:
    with pytest.raises(LoopError, match="is this collector itself"):
        check_no_loop([destination(url)], ["127.0.0.1:1", door])


@pytest.mark.parametrize(
    ("url", "door"),
    [
        ("http://127.0.0.1:4319", "127.0.0.1:4318"),
        ("http://192.0.2.1:4318", "0.0.0.0:4318"),
        ("http://no-such-host.invalid:4318", "127.0.0.1:4318"),
    ],
)
def test_another_collector_is_no_loop(url: str, door: str) -> None:
    check_no_loop([destination(url)], [door])


@pytest.mark.parametrize("name", PROFILES)
def test_each_profile_is_documented(name: str) -> None:
    page = Path(__file__).parents[3] / "docs" / "forwarding.md"
    assert f"| `{name}` |" in page.read_text()
