"""Settings: flags over environment over file, and errors that name the setting and the fix."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from spanscore.collector.config import (
    ConfigError,
    is_loopback,
    load,
    parse_moment,
    reachable,
    split_address,
)


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_flag_wins_over_the_environment_and_that_over_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("spanscore.toml").write_text('db = "file.duckdb"\nretain = "1d"\ncontent = "hash"\n')
    monkeypatch.setenv("SPANSCORE_DB", "environment.duckdb")
    monkeypatch.setenv("SPANSCORE_RETAIN", "2d")
    settings = load(db="flag.duckdb")
    assert settings.db == Path("flag.duckdb")
    assert settings.retain == timedelta(days=2)
    assert settings.content == "hash"


def test_sizes_ages_and_lists_are_written_as_people_write_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_KEY", "secret-value")
    settings = load(inbox_max="2GiB", retain="8w", mask_values="one-value, two-value",
                    mask_env="MY_KEY")  # fmt: skip
    assert settings.inbox_max == 2 << 30
    assert settings.retain == timedelta(weeks=8)
    assert settings.secrets == ["one-value", "two-value", "secret-value"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"grpc": "4317"}, "grpc: '4317' is no address; write HOST:PORT"),
        ({"http": "localhost:99999"}, "http: 'localhost:99999' is no address"),
        ({"retain": "3 years"}, "retain: '3 years' is no duration; write 90s"),
        ({"inbox_max": "1KB"}, "inbox_max: it must be 1MiB or more"),
        ({"memory": "1MB"}, "memory: it must be 200MB or more"),
        ({"sql_max_rows": "0"}, "sql_max_rows: it must be 1 or more"),
        ({"inbox_max": "much"}, "inbox_max: 'much' is no size; write 64MiB"),
        ({"retain": "0s"}, "retain: "),
        ({"sql_timeout": "0s"}, "sql_timeout: "),
        ({"mask_values": "short"}, "mask_values has 5 characters, it needs 8 or more"),
        ({"tls_cert": "no.pem", "tls_key": "no.pem"}, "tls_cert = no.pem is no file"),
        ({"db": "~nobody.here/s.duckdb"}, "db: ~nobody.here/s.duckdb names no user"),
        ({"token": "short"}, "token: "),
        ({"content": "none"}, "content: "),
        ({"no_db": True}, "no_db leaves nothing to write to; name a lake (--lake URL)"),
        ({"nonsense": 1}, "nonsense: there is no such setting"),
        ({"tls_cert": "c.pem"}, "tls_cert and tls_key belong together"),
        ({"mask_env": "NOT_SET_ANYWHERE"}, "mask_env names NOT_SET_ANYWHERE, which is not set"),
        ({"http": "0.0.0.0:4318"}, "http = 0.0.0.0:4318 can be reached by others; set a token"),
        ({"web": "[::]:4319"}, "can be reached by others; set a token"),
    ],
)
def test_an_error_names_the_setting_and_the_fix(flags: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(**flags)
    assert message in str(caught.value)


def test_a_home_folder_is_that_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    Path("spanscore.toml").write_text('db = "~/runs.duckdb"\n')
    assert load().inbox == Path("/home/me/runs.duckdb.inbox")


def test_a_broken_file_is_named() -> None:
    Path("spanscore.toml").write_text("db = [")
    with pytest.raises(ConfigError, match=r"spanscore\.toml"):
        load()


@pytest.mark.parametrize("flags", [{"token": "0123456789abcdef"}, {"insecure": True}])
def test_an_address_for_others_needs_a_token_or_the_word_that_it_is_meant(
    flags: dict[str, object],
) -> None:
    assert load(http="0.0.0.0:4318", **flags).http == "0.0.0.0:4318"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True),
     ("0.0.0.0", False), ("10.0.0.1", False), ("::", False), ("example.com", False)],
)  # fmt: skip
def test_only_addresses_of_this_machine_count_as_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_an_address_is_split_into_host_and_port() -> None:
    assert split_address("127.0.0.1:4318") == ("127.0.0.1", 4318)
    assert split_address("[::1]:0") == ("::1", 0)


def test_a_wildcard_is_reached_as_loopback() -> None:
    assert reachable("0.0.0.0:4318") == "127.0.0.1:4318"
    assert reachable("[::]:4318") == "[::1]:4318"
    assert reachable("example.com:4318") == "example.com:4318"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("12h", datetime(2026, 11, 24, tzinfo=UTC)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T08:00", datetime(2026, 11, 1, 8, tzinfo=UTC)),
        ("2026-11-01T08:00Z", datetime(2026, 11, 1, 8, tzinfo=UTC)),
        ("2026-11-01T08:00+02:00", datetime(2026, 11, 1, 6, tzinfo=UTC)),
    ],
)
def test_a_moment_is_an_age_or_a_time_in_utc(text: str, moment: datetime) -> None:
    assert parse_moment(text, datetime(2026, 11, 24, 12, tzinfo=UTC)) == moment


@pytest.mark.parametrize("text", ["yesterday", "7y", "", "-3d", "2026-13-01", "99999999999d"])
def test_what_is_no_moment_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="write an age such as 12h or 7d"):
        parse_moment(text, datetime.now(UTC))
