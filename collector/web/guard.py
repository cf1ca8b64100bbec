"""Who may read on the web port: a token, the right Host, the page's own Origin."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Sequence
from html import escape
from urllib.parse import urlsplit

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from .assets import PREFIX, policy_hash, run_style, url
from .pages import page

OPEN_PATHS = frozenset(["/healthz"])
"""Paths that need no token, only the right Host."""

_LOOPBACK = frozenset(["localhost", "127.0.0.1", "::1"])
_WILDCARDS = frozenset(["0.0.0.0", "::", ""])
SECURITY_HEADERS = {
    # No script inline, nothing evaluated, nothing from elsewhere, whatever a span says; of styles
    # inline only our own.
    "Content-Security-Policy": f"default-src 'self'; style-src 'self' {policy_hash(run_style())}; "
    "object-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On every answer, so that a page can do no harm whatever a span says."""


def guard(*, token: str, hosts: Sequence[str]) -> Middleware:
    """A middleware that lets a request through only with the read token, Host and Origin.

    `hosts` are the host names or addresses, without port, of the bound address and of the settings;
    loopback names always count, and with a wildcard address among them any IP address does, since
    only a name can be rebound by somebody else's DNS. The token comes as `Authorization: Bearer`,
    as a cookie, or once as `?token=`, which sets the cookie and goes on without it.
    Refusals are JSON: 401 (token) or 403 (Host, Origin) with the fix. No CORS headers are sent.
    """
    names = _LOOPBACK | {host.strip("[]").lower() for host in hosts}

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        refusal = _wrong_host(request, names) or _wrong_origin(request)
        if refusal is not None:
            return refusal
        if request.path in OPEN_PATHS or request.path.startswith(PREFIX):
            return await handler(request)
        if request.method in ("GET", "HEAD") and _equal(request.query.get("token"), token):
            return _welcome(request, token)
        if _equal(_bearer(request), token) or _equal(request.cookies.get(_cookie(request)), token):
            return await handler(request)
        return _no_token(request)

    return check


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """For `app.on_response_prepare`: on every response, errors and streams too."""
    response.headers.update(SECURITY_HEADERS)
    if request.path not in OPEN_PATHS:
        response.headers.setdefault("Cache-Control", "no-store")


def _equal(given: str | None, token: str) -> bool:
    """Compared in constant time."""
    if given is None:
        return False
    return hmac.compare_digest(given.encode(errors="surrogateescape"), token.encode())


def _bearer(request: web.Request) -> str | None:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else None


def _cookie(request: web.Request) -> str:
    """Cookies do not know ports: two collectors on one host need two names."""
    return f"spanscore-read-{_split(request.headers.get('Host', ''))[1]}"


def _split(authority: str) -> tuple[str, int | None]:
    """The host, lower-case and without brackets, and the port; ("", None) for what is neither."""
    try:
        parts = urlsplit(f"//{authority}")
        port = parts.port
    except ValueError:
        return "", None
    well_formed = "@" not in authority and parts.netloc == authority
    return (parts.hostname or "", port) if well_formed else ("", None)


def _wrong_host(request: web.Request, names: frozenset[str]) -> web.Response | None:
    """A page whose name was rebound to this address carries its own name in Host."""
    host, _ = _split(request.headers.get("Host", ""))
    if host in names - _WILDCARDS or (names & _WILDCARDS and _is_address(host)):
        return None
    return _refuse(
        403,
        f"the Host {host or 'header'!r} is not a name of this collector",
        "Use the address it is bound to, or allow the name with `--allow-hosts NAME`.",
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _wrong_origin(request: web.Request) -> web.Response | None:
    """Any page may post here from the reader's browser, but names itself in Origin."""
    origin = request.headers.get("Origin")
    # Not the scheme: behind a proxy that ends TLS it differs from ours.
    if origin is None or urlsplit(origin).netloc.lower() == request.host.lower():
        return None
    return _refuse(
        403,
        f"requests from the origin {origin!r} are not accepted",
        "Only the collector's own pages may ask it; a program sends no Origin header.",
    )


def _welcome(request: web.Request, token: str) -> web.Response:
    """Keep the token in a cookie and open the page without it.

    Not a redirect: after a click on another site a browser sends no SameSite=Strict cookie along
    with it, but does when our own page goes on.
    """
    query = request.rel_url.without_query_params("token")
    # More than one leading slash would name another host.
    target = escape("/" + str(query).lstrip("/\\"), quote=True)
    response = web.Response(
        text="<!doctype html><title>spanscore</title>"
        f'<link rel="icon" href="{url("icon.svg")}">'
        f'<meta http-equiv="refresh" content="0; url={target}">\n'
        f'<a href="{target}">spanscore</a>\n',
        content_type="text/html",
    )
    response.set_cookie(
        _cookie(request), token, httponly=True, samesite="Strict", secure=request.secure, path="/"
    )
    return response


def _no_token(request: web.Request) -> web.Response:
    message = "the read token is missing or wrong"
    hint = (
        "Send the read token of the database as `Authorization: Bearer TOKEN`, or open the page "
        "once with `?token=TOKEN`."
    )
    if "text/html" in request.headers.get("Accept", ""):
        return page("locked.html", status=401)
    refusal = _refuse(401, message, hint)
    refusal.headers["WWW-Authenticate"] = "Bearer"
    return refusal


def _refuse(status: int, message: str, hint: str) -> web.Response:
    members = {"kind": "request", "message": message, "hint": hint}
    return web.Response(
        status=status,
        body=orjson.dumps({"error": members}) + b"\n",
        content_type="application/json",
    )
