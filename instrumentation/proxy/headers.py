"""Headers on their way: what belongs to one connection stays there, and the real key goes in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from multidict import CIMultiDict

HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
_NOT_TO_UPSTREAM = HOP_BY_HOP | {"host", "content-length", "expect", "accept-encoding"}
_BARE_KEY_HEADERS = ("x-api-key", "x-goog-api-key", "api-key")
_KEY_IN_QUERY = re.compile(r"((?:^|&)key=)[^&]*")


def to_upstream(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """The request's headers for the endpoint; it is asked not to compress."""
    passed = _without(headers, _NOT_TO_UPSTREAM)
    passed["Accept-Encoding"] = "identity"
    return passed


def to_agent(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """The answer's headers for the agent."""
    return _without(headers, HOP_BY_HOP)


def _without(headers: Mapping[str, str], left_out: Iterable[str]) -> CIMultiDict[str]:
    named = (name.strip().lower() for name in headers.get("Connection", "").split(","))
    gone = {*left_out, *named}
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in gone)


def put_key(headers: CIMultiDict[str], query: str, key: str, default_header: str | None) -> str:
    """Puts the key where the agent has its dummy, else into `default_header`; gives the query."""
    bare = [name for name in _BARE_KEY_HEADERS if name in headers]
    for name in bare:
        headers[name] = key
    has_token = "Authorization" in headers
    if has_token:
        headers["Authorization"] = f"Bearer {key}"
    query, in_query = _KEY_IN_QUERY.subn(lambda match: match.group(1) + quote(key, safe=""), query)
    if not (bare or has_token or in_query) and default_header is not None:
        headers[default_header] = f"Bearer {key}" if default_header == "Authorization" else key
    return query


def without_key(path: str) -> str:
    """A path and query to record, with stars for a key."""
    plain, mark, query = path.partition("?")
    return plain + mark + _KEY_IN_QUERY.sub(r"\1***", query)
