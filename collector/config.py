"""What a user may set: flags, then SPANSCORE_* variables, then spanscore.toml; checked at start."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ByteSize,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from .forward.destination import Destination

CONFIG_FILE = "spanscore.toml"

MIN_SECRET_CHARACTERS = 8
"""Shorter values occur in ordinary text, which masking would spoil."""

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


class ConfigError(Exception):
    """A setting is wrong; the message names the setting and the fix."""


def parse_age(value: object) -> object:
    """A text such as 12h or 30d as a timedelta, anything else as it is; raises ValueError."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d+)([smhdw])", value.strip())
    if not match:
        raise ValueError(f"{value!r} is no duration; write 90s, 15m, 12h, 30d or 8w")
    return timedelta(seconds=int(match[1]) * _UNITS_S[match[2]])


def parse_moment(text: str, now: datetime) -> datetime:
    """An age before `now` (7d), or a time in ISO 8601, UTC unless it says otherwise.

    Raises ValueError with what to write instead.
    """
    with contextlib.suppress(ValueError):
        moment = datetime.fromisoformat(text.strip())
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        age = parse_age(text)
        assert isinstance(age, timedelta)
        return now - age
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is no time; write an age such as 12h or 7d, or 2026-11-01T08:00"
        ) from None


def unix_ns(moment: datetime) -> int:
    """Nanoseconds since 1970, exact to the microsecond."""
    return int(moment.timestamp()) * 10**9 + moment.microsecond * 1000


def _parse_address(value: object) -> object:
    if isinstance(value, str):
        host, _, port = value.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            raise ValueError(f"{value!r} is no address; write HOST:PORT, such as 127.0.0.1:4318")
    return value


def _split_list(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _expand(path: Path) -> Path:
    """`~` as the shell means it: DuckDB would expand it by itself, the files beside it not."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError(f"{path} names no user of this machine") from None


FilePath = Annotated[Path, AfterValidator(_expand)]
Age = Annotated[timedelta, BeforeValidator(parse_age)]
Address = Annotated[str, BeforeValidator(_parse_address)]
Names = Annotated[list[str], NoDecode, BeforeValidator(_split_list)]
Destinations = Annotated[list[Destination], NoDecode, BeforeValidator(_split_list)]


class Settings(BaseSettings):
    """Every setting of the collector, with its default; docs/settings.md lists them."""

    model_config = SettingsConfigDict(
        env_prefix="SPANSCORE_", toml_file=CONFIG_FILE, extra="forbid", frozen=True
    )

    db: FilePath = Field(
        Path("spanscore.duckdb"), description="The DuckDB file; to ask, a lake will do too."
    )
    grpc: Address = Field("127.0.0.1:4317", description="Where OTLP/gRPC is received.")
    http: Address = Field("127.0.0.1:4318", description="Where OTLP/HTTP is received.")
    web: Address = Field("127.0.0.1:4319", description="Where SQL, health and metrics are served.")
    token: str | None = Field(
        None,
        min_length=16,
        description="Senders must show it as `Authorization: Bearer TOKEN`.",
    )
    insecure: bool = Field(
        False, description="Allow a non-loopback address without a token. Anyone may then write."
    )
    tls_cert: FilePath | None = Field(None, description="PEM certificate chain of both doors.")
    tls_key: FilePath | None = Field(None, description="PEM private key of both doors.")
    allow_hosts: Names = Field(
        [], description="Further names under which the web port may be asked for, comma separated."
    )
    max_request: ByteSize = Field(
        ByteSize(64 << 20), ge=1024, description="Largest request, also after decompression."
    )
    inbox_max: ByteSize = Field(
        ByteSize(4 << 30),
        ge=1 << 20,
        description="Largest backlog on disk; beyond it senders are asked to come again.",
    )
    mask_values: Names = Field(
        [], description="Secrets that never reach the disk, comma separated; 8 characters or more."
    )
    mask_env: Names = Field(
        [], description="Environment variables whose values never reach the disk."
    )
    mask_patterns: bool = Field(True, description="Mask well-known forms of API keys.")
    content: Literal["full", "hash"] = Field(
        "full", description="`hash` keeps length and sha256 in place of prompts and completions."
    )
    retain: Age | None = Field(
        None, gt=timedelta(0), description="Remove runs older than this, such as 30d."
    )
    max_size: ByteSize | None = Field(
        None, ge=10 << 20, description="Remove the oldest runs above this size of the file."
    )
    lake: str | None = Field(
        None,
        description="A folder or s3://BUCKET/PREFIX: serve writes Parquet there, Spark reads it.",
    )
    lake_every: Age = Field(
        timedelta(minutes=2), gt=timedelta(0), description="How old a row gets before it is there."
    )
    no_db: bool = Field(False, description="Feed the lake alone, and keep no database.")
    memory: ByteSize = Field(
        ByteSize(600_000_000), ge=200_000_000, description="Memory that DuckDB may take."
    )
    views: Names = Field(
        [], description="Folders whose .sql files become views too, comma separated."
    )
    prices: Path | None = Field(
        None, description="CSV of prices a model, in place of those that come with spanscore."
    )
    forward: Destinations = Field(
        [], description="Send on what comes in, to [PROFILE+]URL; again for more. See forwarding."
    )
    forward_lag: ByteSize = Field(
        ByteSize(1 << 30),
        ge=1 << 20,
        description="How much the inbox keeps for a destination; beyond it the store is read.",
    )
    sql_timeout: Age = Field(
        timedelta(seconds=30), gt=timedelta(0), description="Longest SQL query."
    )
    sql_max_rows: int = Field(1_000_000, ge=1, description="Largest result of a SQL query, rows.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags win over the environment, the environment over the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @model_validator(mode="after")
    def _check(self) -> Settings:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key belong together; set both or none")
        for name, path in (("tls_cert", self.tls_cert), ("tls_key", self.tls_key)):
            if path is not None and not path.is_file():
                raise ValueError(f"{name} = {path} is no file; name one in PEM form")
        if self.no_db and not self.lake:
            raise ValueError("no_db leaves nothing to write to; name a lake (--lake URL)")
        for name in ("grpc", "http", "web"):
            self._check_bind(name)
        self._check_forward()
        for name in self.mask_env:
            if name not in os.environ:
                raise ValueError(f"mask_env names {name}, which is not set in the environment")
        self._check_secrets()
        return self

    def _check_forward(self) -> None:
        titles = [destination.title for destination in self.forward]
        for title in titles:
            if titles.count(title) > 1:
                raise ValueError(
                    f"forward: two destinations are called {title}; give each [[forward]] a name"
                )

    def _check_secrets(self) -> None:
        named = [("a value of mask_values", value) for value in self.mask_values]
        named += [(f"{name}, named by mask_env,", os.environ[name]) for name in self.mask_env]
        for name, value in named:
            if len(value) < MIN_SECRET_CHARACTERS:
                raise ValueError(
                    f"{name} has {len(value)} characters, it needs {MIN_SECRET_CHARACTERS} or "
                    "more: shorter ones occur in ordinary text"
                )

    def _check_bind(self, name: str) -> None:
        host, _ = split_address(getattr(self, name))
        if is_loopback(host) or self.insecure or (self.token and name != "web"):
            return
        if name == "web" and self.token:
            return
        raise ValueError(
            f"{name} = {getattr(self, name)} can be reached by others; set a token "
            "(--token or SPANSCORE_TOKEN), or --insecure if that is intended"
        )

    @property
    def secrets(self) -> list[str]:
        """The exact values to mask."""
        return [*self.mask_values, *(os.environ[name] for name in self.mask_env)]

    @property
    def memory_limit(self) -> str:
        """`memory` as DuckDB reads it."""
        return f"{self.memory // 1_000_000}MB"

    @property
    def inbox(self) -> Path:
        """The inbox lies beside the database and belongs to it."""
        return beside(self.db, "inbox")


def require_file(db: Path, what: str) -> None:
    """Raise ConfigError where `db` is a lake: `what` needs a database file."""
    if str(db).startswith("s3:/") or db.is_dir():
        raise ConfigError(
            f"db = {db} is a lake, and {what} needs a database file. Name one with --db"
        )


def beside(db: Path, suffix: str) -> Path:
    """The path of a file that belongs to the database: FILE.inbox, FILE.serve.json, FILE.key."""
    return db.with_name(f"{db.name}.{suffix}")


def show_size(size_bytes: int) -> str:
    """A size as people write it: 64MiB, 600MB."""
    decimal = size_bytes % 1_000_000 == 0
    return ByteSize(size_bytes).human_readable(decimal=decimal, separator="").replace(".0", "")


def split_address(address: str) -> tuple[str, int]:
    """`127.0.0.1:4318` or `[::1]:4318` as host and port."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def cannot_open(setting: str, address: str, error: OSError) -> str:
    """What to say of an address that could not be bound: setting, reason and fix."""
    number = error.errno or 0  # negative: of the name service, which has other texts
    reason = os.strerror(number) if number > 0 else error.strerror or str(error)
    return (
        f"{setting} = {address} cannot be opened: {reason}. Stop what listens there, or choose "
        f"another address with --{setting}"
    )


def reachable(address: str) -> str:
    """An address to connect to: a wildcard is reached by this machine as loopback."""
    host, port = split_address(address)
    return {"0.0.0.0": f"127.0.0.1:{port}", "::": f"[::1]:{port}"}.get(host, address)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load(**flags: Any) -> Settings:
    """The settings from flags (None: not given), environment and file.

    Raises ConfigError naming the setting and the fix.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(item) for item in error.errors())) from None
    except ValueError as error:
        raise ConfigError(f"{CONFIG_FILE}: {error}") from None


def _explain(item: Any) -> str:
    message = item["msg"].removeprefix("Value error, ")
    name = ".".join(str(part) for part in item["loc"])
    if item["type"] == "byte_size":
        message = f"{item['input']!r} is no size; write 64MiB, 4GiB or 20GB"
    elif item["type"] == "greater_than_equal":
        field = Settings.model_fields.get(name)
        is_size = isinstance((field and field.get_default()) or ByteSize(0), ByteSize)
        least = item["ctx"]["ge"]
        message = f"it must be {show_size(least) if is_size else least} or more"
    if item["type"] == "extra_forbidden":
        page = "forwarding" if name.startswith("forward.") else "settings"
        return f"{name}: there is no such setting; docs/{page}.md lists them"
    return f"{name}: {message}" if name else message
