"""Tokens and the origins that they stand for."""

from __future__ import annotations

import pytest

from spanscore.collector.receiver.origin import ORIGINS, Origins, mint, verify
from spanscore.collector.receiver.status import Kind, Refusal

KEY = b"key"
AGENT = mint(KEY, "agent", "run-1")
HARNESS = mint(KEY, "harness", "run-1")


def _resolve(
    server_token: str | None,
    path: str | None = None,
    header: str | None = None,
    authorization: str | None = None,
) -> str:
    origins = Origins(KEY, server_token)
    return origins.resolve(path_token=path, header_token=header, authorization=authorization)


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_minted_token_stands_for_its_origin(origin: str) -> None:
    assert verify(KEY, mint(KEY, origin, "run-1")) == origin


def test_a_token_has_the_documented_form() -> None:
    origin, identity, signature = AGENT.split(".")
    assert (origin, identity, len(signature)) == ("agent", "run-1", 32)
    assert set(signature) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "agent",
        "agent.run-1",
        "agent.run-1.",
        AGENT[:-1],
        AGENT.upper(),
        AGENT.replace("agent", "harness"),
        AGENT.replace("run-1", "run-2"),
        mint(b"other key", "agent", "run-1"),
        "agent.run-1.\udcff",
        "\udcff.é.",
    ],
)
def test_any_other_token_stands_for_nothing(token: str) -> None:
    assert verify(KEY, token) is None


def test_minting_refuses_what_could_not_be_told_apart() -> None:
    with pytest.raises(ValueError, match="none of harness, agent, open, import"):
        mint(KEY, "root", "run-1")
    for identity in ("", "a.b", "a/b", "é", "x" * 129):
        with pytest.raises(ValueError, match="must be 1 to 128"):
            mint(KEY, "agent", identity)


def test_without_a_server_token_nobody_needs_one() -> None:
    assert _resolve(None) == "open"
    assert _resolve(None, authorization="Basic dXNlcjpwYXNz") == "open"


@pytest.mark.parametrize("server_token", [None, "secret"])
def test_an_ingest_token_is_taken_from_path_header_and_bearer(server_token: str | None) -> None:
    assert _resolve(server_token, path=AGENT) == "agent"
    assert _resolve(server_token, header=AGENT) == "agent"
    assert _resolve(server_token, authorization=f"Bearer {AGENT}") == "agent"
    assert _resolve(server_token, authorization=f"bearer  {AGENT} ") == "agent"


def test_the_server_token_alone_is_origin_open() -> None:
    assert _resolve("secret", authorization="Bearer secret") == "open"


def test_the_path_decides_before_the_header_and_that_before_the_bearer() -> None:
    assert _resolve(None, path=AGENT, header=HARNESS) == "agent"
    assert _resolve("secret", header=AGENT, authorization="Bearer secret") == "agent"
    assert _resolve(None, header=AGENT, authorization=f"Bearer {HARNESS}") == "agent"


@pytest.mark.parametrize(
    ("server_token", "credentials"),
    [
        ("secret", {}),
        ("secret", {"authorization": "Basic secret"}),
        ("secret", {"authorization": "Bearer wrong"}),
        ("secret", {"authorization": "Bearer \udcff"}),
        ("secret", {"authorization": "Bearer wrong", "path": AGENT}),
        ("secret", {"authorization": "Bearer secret", "path": "wrong"}),
        (None, {"authorization": "Bearer wrong"}),
        (None, {"authorization": "Bearer"}),
        (None, {"path": ""}),
        (None, {"header": "secret"}),
        (None, {"header": AGENT, "path": "wrong"}),
    ],
)
def test_any_unknown_credential_is_refused(
    server_token: str | None, credentials: dict[str, str]
) -> None:
    with pytest.raises(Refusal) as refused:
        _resolve(server_token, **credentials)
    assert refused.value.kind is Kind.UNAUTHENTICATED
