"""Turns settings into command-line options, so that each is declared once, in config.py."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer
from pydantic import ByteSize

from .config import Settings, load, show_size


def with_settings(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the settings `names` as options, and itself the checked Settings.

    The command's first parameter is `settings: Settings`; in its place come the options. An option
    that is not given is None, so that the environment and spanscore.toml have their say.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
        options = [_option(name) for name in names]

        @functools.wraps(command)
        def wrapped(**given: Any) -> Any:
            flags = {name: given.pop(name) for name in names}
            return command(load(**flags), **given)

        keyword = inspect.Parameter.KEYWORD_ONLY
        parameters = [parameter.replace(kind=keyword) for parameter in (*own, *options)]
        wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what typer reads
        wrapped.__annotations__ = {p.name: p.annotation for p in parameters}
        return wrapped

    return decorate


def _option(name: str) -> inspect.Parameter:
    field = Settings.model_fields[name]
    flag = f"--{name.replace('_', '-')}"
    is_switch = field.annotation is bool
    is_negative = flag.startswith("--no-")
    declaration = f"{flag}/--no-{flag[2:]}" if is_switch and not is_negative else flag
    option = typer.Option(
        declaration,
        help=f"{field.description} [{_default(name)}]",
        metavar=None if is_switch else _METAVARS.get(name, "TEXT"),
        show_default=False,
    )
    kind: Any = bool | None if is_switch else str | None
    if name in _REPEATED:
        kind = list[str] | None
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, option]
    )


_REPEATED = frozenset(["forward"])

_METAVARS = {
    "db": "FILE",
    "grpc": "HOST:PORT",
    "http": "HOST:PORT",
    "web": "HOST:PORT",
    "token": "TOKEN",
    "tls_cert": "FILE",
    "tls_key": "FILE",
    "allow_hosts": "NAME,...",
    "max_request": "SIZE",
    "inbox_max": "SIZE",
    "mask_values": "VALUE,...",
    "mask_env": "NAME,...",
    "content": "full|hash",
    "retain": "AGE",
    "max_size": "SIZE",
    "lake": "URL",
    "lake_every": "AGE",
    "memory": "SIZE",
    "views": "FOLDER,...",
    "prices": "FILE",
    "forward": "[PROFILE+]URL",
    "forward_lag": "SIZE",
    "sql_timeout": "AGE",
    "sql_max_rows": "ROWS",
}


def _default(name: str) -> str:
    default = Settings.model_fields[name].get_default()
    if default is None or default == []:
        return "default: none"
    return f"default: {show(default)}"


def show(value: Any) -> str:
    """A setting's value as a user would write it."""
    if isinstance(value, ByteSize):
        return show_size(value)
    if hasattr(value, "total_seconds"):
        return f"{value.total_seconds():.0f}s"
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)
