"""From options to the terms on which a cell is run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ByteSize, TypeAdapter, ValidationError

from spanscore.instrumentation.cell import Terms
from spanscore.instrumentation.container.docker import socket_path
from spanscore.instrumentation.proxy import Budget, Upstream

from ..config import ConfigError

_USER = re.compile(r"\d+(:\d+)?")
_ABOVE_0 = ("timeout", "cpus", "max_calls", "max_tokens", "context_window")


def terms_of(given: Mapping[str, Any]) -> Terms:
    """The terms that options, or keys of a sweep file, name. Raises ConfigError with the fix."""
    endpoint, replay = given.get("endpoint"), given.get("replay")
    if endpoint is None and replay is None:
        raise ConfigError("--endpoint: give the base URL of a model endpoint, or --replay FILE")
    if endpoint is not None and urlsplit(endpoint).scheme not in ("http", "https"):
        raise ConfigError(f"--endpoint: {endpoint!r} is no URL; write https://HOST/v1")
    for option in _ABOVE_0:
        if (value := given.get(option)) is not None and value <= 0:
            raise ConfigError(f"--{option.replace('_', '-')}: {value} is not above 0")
    network: Any = given.get("network") or "none"
    if network not in ("none", "host"):
        raise ConfigError(f"--network: {network!r} is not known; write none or host")
    user = given.get("user")
    if user is not None and not _USER.fullmatch(user):
        raise ConfigError(f"--user: {user!r} must be numbers, such as 1000:1000")
    return Terms(
        upstream=None if endpoint is None else Upstream(endpoint, given.get("key_env")),
        image=given.get("image"),
        timeout_s=given.get("timeout"),
        memory_limit_bytes=_size(given.get("memory_limit")),
        cpu_limit=given.get("cpus"),
        network=network,
        user=user,
        docker_socket=socket_path() if given.get("docker_socket") else None,
        budget=Budget(given.get("max_calls"), given.get("max_tokens")),
        capture_content=bool(given.get("capture_content")),
        record=_path(given.get("record")),
        replay=_path(replay),
        replay_timing=given.get("replay_timing") or "recorded",
        keep=_path(given.get("keep")),
        model_build_id=given.get("model_build_id"),
        context_window=given.get("context_window"),
    )


def _size(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return int(TypeAdapter(ByteSize).validate_python(text))
    except ValidationError:
        raise ConfigError(f"--memory-limit: {text!r} is no size; write 512MiB or 2GiB") from None


def _path(given: Any) -> Path | None:
    return None if given is None else Path(given)
