"""The two levels above the records: which request, resource and scope each record came in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .arrays import Ints, open_list, parents
from .identity import Identity, identity_number


@dataclass(frozen=True, slots=True)
class Records:
    """Spans, log records or metrics of many requests, with where each of them came from.

    `resources` and `scopes` hold those that have a record, by their number.
    """

    items: Any
    requests: Ints
    resource_ids: npt.NDArray[np.int64]
    scope_ids: npt.NDArray[np.int64]
    resources: dict[int, Identity]
    scopes: dict[int, Identity]


def records_of(requests: Any, scopes_field: str, records_field: str) -> Records:
    """Flatten lists of ResourceSpans (ResourceLogs, ResourceMetrics), one list a request."""
    offsets, resource_parts = open_list(requests)
    request_of_resource = parents(offsets)
    offsets, scope_parts = open_list(resource_parts.field(scopes_field))
    resource_of_scope = parents(offsets)
    offsets, items = open_list(scope_parts.field(records_field))
    scope_of_item = parents(offsets)
    resource_of_item = resource_of_scope[scope_of_item]
    resource_ids, resources = _identify(resource_parts, "resource", resource_of_item)
    scope_ids, scopes = _identify(scope_parts, "scope", scope_of_item)
    return Records(
        items=items,
        requests=request_of_resource[resource_of_item],
        resource_ids=resource_ids,
        scope_ids=scope_ids,
        resources=resources,
        scopes=scopes,
    )


def _identify(
    parts: Any, field: str, part_of_item: Ints
) -> tuple[npt.NDArray[np.int64], dict[int, Identity]]:
    """The number of each item's resource or scope, and what these numbers stand for."""
    used, item_parts = np.unique(part_of_item, return_inverse=True)
    raws = parts.field(field).take(used).to_pylist()
    schema_urls = parts.field("schema_url").take(used).to_pylist()
    identities = [Identity(raw, url) for raw, url in zip(raws, schema_urls, strict=True)]
    numbers = [identity_number(identity) for identity in identities]
    distinct = dict(zip(numbers, identities, strict=True))
    return np.array(numbers, np.int64)[item_parts], distinct
