"""Tokens, sockets, and the life of the proxy."""

from __future__ import annotations

import contextlib
import http.client
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from spanscore.instrumentation.proxy import Proxy, ProxyError, Upstream
from tests.support.model_server import ModelServer
from tests.support.proxied import CHAT, Proxied, chat, proxied
from tests.support.raw_endpoint import RawEndpoint, Reply, whole


@pytest.mark.parametrize("path", ["/r/guess/v1/models", "/r/", "/r", "/", "/v1/models"])
def test_an_unknown_token_is_not_found_and_reaches_no_endpoint(path: str) -> None:
    with RawEndpoint([whole(b"{}")]) as endpoint, proxied(endpoint.url) as run:
        place = urlsplit(run.route.url)
        connection = http.client.HTTPConnection(place.netloc, timeout=20)
        connection.request("GET", path)
        assert connection.getresponse().status == 404
        connection.close()
        assert not endpoint.requests


def test_a_token_is_revoked_when_its_run_ends_and_no_other() -> None:
    with (
        ModelServer() as model,
        Proxy() as proxy,
        proxied(model.url, proxy) as first,
        proxied(model.url, proxy) as second,
    ):
        first.close()
        assert first.open(CHAT, chat()).status == 404
        assert second.open(CHAT, chat()).status == 200
        assert len(model.exchanges) == 1


def test_a_token_cannot_be_guessed_from_another() -> None:
    with Proxy() as proxy, proxied("http://127.0.0.1:9", proxy) as a:
        with proxied("http://127.0.0.1:9", proxy) as b:
            assert a.route.path != b.route.path
        assert len(a.route.path) >= len("/r/") + 32


def test_closing_twice_gives_the_same() -> None:
    with ModelServer() as model, proxied(model.url) as run:
        run.post(CHAT, chat())
        assert run.close() is run.close()
        assert run.close().calls == 1


def test_it_serves_on_a_unix_socket_as_well(tmp_path: Path) -> None:
    path = tmp_path / "proxy.sock"
    with (
        ModelServer() as model,
        Proxy(socket=path) as proxy,
        proxied(model.url, proxy) as run,
        socket.socket(socket.AF_UNIX) as raw,
    ):
        assert path.stat().st_mode & 0o777 == 0o666
        raw.settimeout(20)
        raw.connect(str(path))
        raw.sendall(
            f"GET {run.route.path}/v1/models HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
        )
        assert raw.recv(100).startswith(b"HTTP/1.1 404 ")
        assert model.exchanges[0].path == "/v1/models"


@pytest.mark.parametrize("name", ["x" * 120, "missing/proxy.sock"])
def test_a_socket_that_cannot_be_is_one_clear_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProxyError, match=r"socket|serve"), Proxy(socket=tmp_path / name):
        pass
    assert not [t for t in threading.enumerate() if t.name == "proxy"]


@pytest.mark.parametrize("url", ["", "api.example.com", "ftp://host", "http://", "http://[", "/v1"])
def test_what_is_no_endpoint_is_one_clear_error(url: str) -> None:
    with pytest.raises(ProxyError, match="base URL"), proxied(url):
        pass


def test_a_key_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MISSING_KEY", raising=False)
    upstream = Upstream("http://127.0.0.1:9", "MISSING_KEY")
    with (
        pytest.raises(ProxyError, match="MISSING_KEY is not set"),
        proxied(None, upstream=upstream),
    ):
        pass


def test_it_ends_with_its_thread_while_an_answer_is_under_way() -> None:
    never = threading.Event()
    with RawEndpoint([Reply([never])]) as endpoint:
        with Proxy() as proxy, proxied(endpoint.url, proxy) as run:
            asking = threading.Thread(target=_ignoring_errors, args=(run,))
            asking.start()
            while not endpoint.requests:
                pass
            run.close()
            asking.join(20)
            assert [call["error.type"] for call in run.calls] == ["client_disconnected"]
        assert endpoint.gone.wait(20)
    assert not [t for t in threading.enumerate() if t.name == "proxy"]


def _ignoring_errors(run: Proxied) -> None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        run.post(CHAT, chat())


def test_it_can_be_imported_without_the_parts_of_the_server() -> None:
    script = (
        "import sys; import spanscore.instrumentation.proxy; "
        "sys.exit(bool({'duckdb', 'pyarrow', 'grpc', 'spanscore.collector'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
