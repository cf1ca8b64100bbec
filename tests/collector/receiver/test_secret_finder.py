"""Secrets are found in any JSON spelling and in their well-known forms, and nothing else is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib.resources import files

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spanscore.collector.receiver.secret_finder import SecretFinder

FILLER = "aB3dE5gH7jK9mN1p" * 8

# What follows the prefix of each form in secret_patterns.tsv, at its usual length.
FORMS = {
    "sk-ant-": "api03-" + FILLER[:90] + "-_AA",
    "sk-proj-": FILLER[:60] + "-T3Blbk_" + FILLER[:40],
    "sk-svcacct-": FILLER[:60],
    "sk-admin-": FILLER[:60],
    "sk-or-v1-": "0123456789abcdef" * 4,
    "sk-lf-": "01234567-89ab-cdef-0123-456789abcdef",
    "sk-": FILLER[:48],
    "ghp_": FILLER[:36],
    "gho_": FILLER[:36],
    "ghu_": FILLER[:36],
    "ghs_": FILLER[:36],
    "ghr_": FILLER[:76],
    "github_pat_": FILLER[:22] + "_" + FILLER[:59],
    "glpat-": FILLER[:20] + ".01.0w1abcdef",
    "gldt-": FILLER[:20],
    "glrt-": FILLER[:20],
    "AKIA": "IOSFODNN7EXAMPLE",
    "ASIA": "IOSFODNN7EXAMPLE",
    "ABSK": FILLER[:120] + "==",
    "AIza": "Sy" + FILLER[:33],
    "ya29.": FILLER[:100],
    "GOCSPX-": FILLER[:28],
    "xox": "b-123456789012-1234567890123-" + FILLER[:24],
    "xapp-": "1-A012345-1234567890-" + FILLER[:40],
    "hooks.slack.com": "/services/T0123456/B0123456/" + FILLER[:24],
    "hf_": FILLER[:34],
    "npm_": FILLER[:36],
    "pypi-AgE": FILLER[:100] + "-_",
    "sk_live_": FILLER[:24],
    "sk_test_": FILLER[:24],
    "rk_live_": FILLER[:24],
    "gsk_": FILLER[:52],
    "xai-": FILLER[:80],
    "pplx-": FILLER[:48],
    "r8_": FILLER[:37],
    "nvapi-": FILLER[:64],
    "lsv2_": "pt_" + "0123456789abcdef" * 2 + "_0123456789",
    "dckr_pat_": FILLER[:27],
    "dop_v1_": "0123456789abcdef" * 4,
    "SG.": FILLER[:22] + "." + FILLER[:43],
    "hvs.": FILLER[:90],
    "eyJ": "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0." + FILLER[:43],
    "BEGIN ": "RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,0A\n\n"
    + (FILLER[:64] + "\n") * 20
    + "ab==\n-----END RSA PRIVATE KEY-----",
    "AGE-SECRET-KEY-1": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L" + "QPZRY9X8GF2TVDW0S3JN54KHCE",
    "Bearer ": FILLER[:40] + "==",
    "bearer ": "abc.def-123~" + FILLER[:20],
    "Basic ": "dXNlcjpwYXNzd29yZDE=",
}

KEYS = [prefix + rest for prefix, rest in FORMS.items()]


def starred(finder: SecretFinder, text: str) -> str:
    return finder.star_out(text.encode())[0].decode()


def test_every_form_of_the_list_has_an_example_here() -> None:
    lines = files("spanscore.collector.receiver").joinpath("secret_patterns.tsv").read_text("utf-8")
    rows = [line.split("\t") for line in lines.splitlines() if not line.startswith("#")]
    assert [prefix for _, prefix, _ in rows[1:]] == list(FORMS)


BEFORE = ["", " ", "key=", '"', "_", "é", r"\n", r"\\n", r"\u003d", "%3D", "\x1b[0m", "\x1b[1;32m"]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_starred_whole_wherever_it_stands(key: str) -> None:
    finder = SecretFinder([], patterns=True)
    for before in BEFORE:
        text = f"{before}{key} and more".encode()
        assert finder.star_out(text) == (f"{before}{'*' * len(key)} and more".encode(), 1)
        assert finder.may_hold(text)


@pytest.mark.parametrize("key", KEYS)
def test_a_key_in_json_in_json_is_starred(key: str) -> None:
    once = json.dumps({"env": f"A={key}\nB=1"})
    for text in (once, json.dumps(once)):
        masked = starred(SecretFinder([], patterns=True), text)
        assert len(masked) == len(text)
        assert key[-12:] not in masked
        assert masked.count("*") >= len(key)


@pytest.mark.parametrize("key", KEYS)
def test_a_key_inside_a_word_is_none(key: str) -> None:
    finder = SecretFinder([], patterns=True)
    assert starred(finder, f"pass-as{key}") == f"pass-as{key}"
    assert not finder.may_hold(f"pass-as{key}".encode())


@pytest.mark.parametrize(
    "text",
    [
        "task-id risk-management-plan-for-2026-and-beyond disk-usage-of-the-whole-machine",
        "task-550e8400-e29b-41d4-a716-446655440000 task-9f86d081884c7d659a2feaa0c55ad015",
        "pip install sk-learn; use sk-implementation details",
        "the bearer of bad news; Bearer authentication is required; Bearer realm=example",
        "Basic configuration of the Basic understanding",
        "npm_config_user_agent=npm/10 npm_package_json hf_hub_download hf_transfer",
        "eyJhbGciOiJIUzI1NiJ9 alone; eyJ.eyJ.",
        "AKIA ASIA AIza xoxb- ghp_ github_pat_ glpat- pypi-AgE sk-ant- sk-proj-short",
        "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYD\n",
        "it starts with -----BEGIN RSA PRIVATE KEY----- and then the base64 of the key follows",
        "see https://hooks.slack.com/services for webhooks",
        "SG.mail hvs. dapi SG.aaaaaaaaaaaaaaaaaaaaaa.short",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 /usr/lib/python3.11",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert SecretFinder([], patterns=True).star_out(text.encode()) == (text.encode(), 0)


def test_keys_side_by_side_are_all_starred() -> None:
    text = "AKIAIOSFODNN7EXAMPLE" + KEYS[7] + "/" + KEYS[24] + "\n" + "\n".join(KEYS)
    masked, count = SecretFinder([], patterns=True).star_out(text.encode())
    assert set(masked.decode()) == {"*", "/", "\n"}
    assert count == len(KEYS) + 3


def test_a_private_key_that_is_cut_off_is_starred_to_its_end() -> None:
    text = "-----BEGIN PRIVATE KEY-----\n" + FILLER
    assert starred(SecretFinder([], patterns=True), text) == "-----" + "*" * (len(text) - 5)


def html_safe(text: str) -> str:
    return re.sub("[<>&'+`]", lambda sign: f"\\u{ord(sign[0]):04x}", text)


def slash_escaped(text: str) -> str:
    return text.replace("/", r"\/")


def upper_case(text: str) -> str:
    """The digits of its unicode escapes in upper case; an escaped backslash is none."""
    return re.sub(
        r"\\\\|\\u(....)", lambda match: f"\\u{match[1].upper()}" if match[1] else match[0], text
    )


def json_encoder(ascii_only: bool, change: Callable[[str], str] = str) -> Callable[[str], str]:
    return lambda text: change(json.dumps(text, ensure_ascii=ascii_only)[1:-1])


ENCODERS = [
    json_encoder(False),
    json_encoder(True),
    json_encoder(False, html_safe),
    json_encoder(True, slash_escaped),
    json_encoder(True, upper_case),
]


def spellings(value: str) -> set[str]:
    """The value as text, inside JSON, and inside JSON inside JSON, as real encoders write it."""
    once = {encode(value) for encode in ENCODERS}
    return {value} | once | {encode(text) for text in once for encode in ENCODERS}


VALUES = st.text(
    st.sampled_from("ab1-_ \"\\/'\n\t\x00<&+é漢\U0001f600*"), min_size=8, max_size=20
).filter(lambda value: value.strip("*"))


@given(value=VALUES, others=st.lists(VALUES, max_size=3), before=st.text(max_size=4))
def test_a_value_is_starred_in_every_spelling(value: str, others: list[str], before: str) -> None:
    finder = SecretFinder([value, *others], patterns=False)
    for spelling in spellings(value):
        text = f"{before}{spelling}.".encode()
        assert finder.may_hold(text)
        masked, count = finder.star_out(text)
        assert count
        assert len(masked) == len(text)
        assert spelling.encode() not in masked
        assert not finder.may_hold(masked)


@given(value=VALUES)
def test_nothing_but_the_value_is_starred(value: str) -> None:
    assume("*" not in value and not value.startswith("\\") and not set(value) <= set("\"'/\\"))
    finder = SecretFinder([value], patterns=False)
    for spelling in spellings(value):
        stars = "*" * len(spelling.encode())
        assert starred(finder, f"(({spelling}, {spelling}))") == f"(({stars}, {stars}))"


def test_what_another_literal_hides_is_found() -> None:
    finder = SecretFinder(["JabcdEFG", "xabcdefgh", "defghijk"], patterns=True)
    assert starred(finder, "eyJabcdEFG") == "ey********"
    assert starred(finder, "abcdefghijk") == "abc********"
    assert starred(finder, "sk-proj-JabcdEFG") == "sk-proj-********"


def test_of_two_values_that_begin_alike_the_longer_is_starred() -> None:
    for values in (["password", "password-2026"], ["password-2026", "password"]):
        assert starred(SecretFinder(values, patterns=False), "password-2026!") == "*" * 13 + "!"


def test_a_value_that_goes_on_behind_a_key_is_starred_whole() -> None:
    value = FILLER[:40] + "$%^tail"
    text = f"Authorization: Bearer {value}"
    assert starred(SecretFinder([value], patterns=True), text).endswith(" " + "*" * len(value))


@pytest.mark.parametrize("position", range((1 << 18) - 30, (1 << 18) + 2))
def test_a_key_across_the_pieces_of_a_search_is_found(position: int) -> None:
    text = b"." * position + KEYS[1].encode() + b"." * 10
    finder = SecretFinder([], patterns=True)
    assert finder.may_hold(text)
    assert finder.star_out(text)[0].count(b"*") == len(KEYS[1])


@pytest.mark.parametrize("value", ["", "abcdefg", "*" * 12])
def test_a_value_that_is_no_secret_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(
        ValueError, match=r"value 2 to mask has . characters, it needs 8"
    ) as refused:
        SecretFinder(["long enough", value], patterns=True)
    assert not value or value not in str(refused.value)
