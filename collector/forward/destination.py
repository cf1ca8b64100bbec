"""Where telemetry is forwarded to: what a user may set of one destination, checked at start."""

from __future__ import annotations

import os
import re
import ssl
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from .profile import PROFILES, Profile

Protocol = Literal["grpc", "http/protobuf", "http/json"]
SignalName = Literal["traces", "logs", "metrics"]

GRPC_PORT = 4317
_SCHEMES = {"http": 80, "https": 443, "grpc": GRPC_PORT, "grpcs": GRPC_PORT}
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_NAME = re.compile(r"[\w.:-]+")


def _split_list(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


Patterns = Annotated[tuple[str, ...], BeforeValidator(_split_list)]


class Destination(BaseModel):
    """One `[[forward]]` table of spanscore.toml, or one `--forward [PROFILE+]URL`.

    What is not set comes from the profile. `${NAME}` in a header is the environment variable.
    Validation raises ValueError naming what is wrong and the fix.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str
    name: str = ""
    profile: str = "otlp"
    protocol: Protocol | None = None
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    compression: Literal["gzip", "none"] = "gzip"
    content: bool = False
    signals: Annotated[tuple[SignalName, ...] | None, BeforeValidator(_split_list)] = None
    services: Patterns = ()
    runs: Patterns = ()
    roles: Patterns = ()
    max_request: ByteSize | None = Field(None, ge=1024)
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_url(cls, given: object) -> object:
        """`--forward URL`: a whole destination in one word, `phoenix+http://127.0.0.1:6006`."""
        values: dict[str, Any] = {"url": given} if isinstance(given, str) else dict(given)  # type: ignore[call-overload]  # pydantic hands over a mapping
        url = values.get("url")
        if isinstance(url, str) and "+" in url.partition("://")[0]:
            profile, _, values["url"] = url.partition("+")
            values.setdefault("profile", profile)
        return values

    @field_validator("profile")
    @classmethod
    def _known_profile(cls, name: str) -> str:
        if name not in PROFILES:
            raise ValueError(f"{name!r} is no profile; there are {', '.join(sorted(PROFILES))}")
        return name

    @field_validator("headers")
    @classmethod
    def _filled_in(cls, headers: dict[str, str]) -> dict[str, str]:
        return {key.lower(): _fill_in(key, value) for key, value in headers.items()}

    @field_validator("tls_ca", "tls_cert", "tls_key")
    @classmethod
    def _is_file(cls, path: Path | None) -> Path | None:
        if path is not None and not path.expanduser().is_file():
            raise ValueError(f"{path} is no file; name one in PEM form")
        return path and path.expanduser()

    @model_validator(mode="after")
    def _check(self) -> Destination:
        _check_url(self.url)
        if self.name and not _NAME.fullmatch(self.name):
            raise ValueError(f"name = {self.name!r}: use letters, digits and . : _ - only")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key belong together; set both or none")
        if (self.tls_ca or self.tls_cert) and not self.is_tls:
            setting = "tls_ca" if self.tls_ca else "tls_cert"
            raise ValueError(
                f"{setting} is set, but {self.url} is not encrypted; write https or grpcs"
            )
        _check_tls_files(self.tls_ca, self.tls_cert, self.tls_key)
        lacking = [name for name in self.shape.needs if name not in self.headers]
        if lacking:
            raise ValueError(
                f"the profile {self.profile} needs the header {lacking[0]}: "
                f"{self.shape.needs[lacking[0]]}"
            )
        if self.spoken not in self.shape.protocols:
            raise ValueError(
                f"{self.shape.title} does not take {self.spoken}; "
                f"set protocol = {' or '.join(map(repr, self.shape.protocols))}"
            )
        return self

    @property
    def shape(self) -> Profile:
        """What the profile says."""
        return PROFILES[self.profile]

    @property
    def title(self) -> str:
        """The name under which it is shown: as set, else the profile's, else host and port."""
        if self.name:
            return self.name
        return self.profile if self.profile != "otlp" else f"{self.host}:{self.port}"

    @property
    def reader(self) -> str:
        """The name of its reader of the inbox."""
        return f"{READER_PREFIX}{self.title}"

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or _SCHEMES[parts.scheme]

    @property
    def is_tls(self) -> bool:
        return urlsplit(self.url).scheme in ("https", "grpcs")

    @property
    def spoken(self) -> Protocol:
        """The protocol: as set; gRPC for grpc(s):// and for port 4317; else the profile's first."""
        if self.protocol:
            return self.protocol
        if urlsplit(self.url).scheme in ("grpc", "grpcs") or self.port == GRPC_PORT:
            return "grpc"
        return next(name for name in self.shape.protocols if name != "grpc")

    @property
    def sent_headers(self) -> dict[str, str]:
        """The profile's headers and those of the user, which win."""
        return {**self.shape.headers, **self.headers}

    @property
    def sent_signals(self) -> tuple[SignalName, ...]:
        return self.signals or self.shape.signals

    @property
    def max_request_bytes(self) -> int:
        return self.max_request or self.shape.max_request_bytes


READER_PREFIX = "forward "
"""Readers of the inbox whose name begins so belong to destinations."""


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"url = {url!r}: {error}") from None
    if parts.scheme not in _SCHEMES or not parts.hostname or port == 0:
        raise ValueError(
            f"url = {url!r} is no address of a backend; write http://HOST:PORT, https://HOST, "
            "grpc://HOST:4317 or grpcs://HOST"
        )
    if parts.username or parts.password:
        raise ValueError(
            "url holds a user name or a password; put them into headers: "
            'headers = { Authorization = "Basic ${NAME}" }'
        )
    if parts.query or parts.fragment:
        raise ValueError(f"url = {url!r}: leave out what follows the path")
    if re.search(r"/v1/(traces|logs|metrics)/?$", parts.path):
        raise ValueError(
            f"url = {url!r} names one signal; give the address without /v1/..., each signal's "
            "path is added"
        )


def _check_tls_files(ca: Path | None, cert: Path | None, key: Path | None) -> None:
    """Read them as they will be used; a key with a passphrase would be asked for on a terminal."""
    if not (ca or cert):
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if ca:
            context.load_verify_locations(ca)
    except OSError:
        raise ValueError(f"tls_ca = {ca} holds no certificate in PEM form") from None
    try:
        if cert:
            context.load_cert_chain(cert, key, password="")
    except OSError:
        raise ValueError(
            f"tls_cert = {cert} and tls_key = {key} are no pair of a certificate and its key, both "
            "in PEM form and the key without a passphrase"
        ) from None


def _fill_in(key: str, value: str) -> str:
    def variable(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise ValueError(f"{key} names ${{{match[1]}}}, which is not set in the environment")
        return os.environ[match[1]]

    filled = _VARIABLE.sub(variable, value).strip()
    if not re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", key) or not re.fullmatch(r"[\x20-\x7e]*", filled):
        raise ValueError(f"{key} is no HTTP header: name and value are plain ASCII, one line")
    return filled
