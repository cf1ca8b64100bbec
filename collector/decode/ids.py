"""Binary ids as lower-case hex text."""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import strings

_HEX_OF_BYTE = np.frombuffer(bytes(range(256)).hex().encode(), dtype=np.uint16)


def hex_ids(ids: Any) -> Any:
    """Two characters a byte, whatever the length of an id; NULL for an empty one."""
    offsets = np.frombuffer(ids.buffers()[1], np.int32)[ids.offset : ids.offset + len(ids) + 1]
    first, last = int(offsets[0]), int(offsets[-1])
    data = ids.buffers()[2]
    raw = np.frombuffer(data, np.uint8)[first:last] if last > first else np.empty(0, np.uint8)
    texts = _HEX_OF_BYTE[raw].view(np.uint8)
    return strings((offsets - first) * 2, texts, np.diff(offsets) > 0)
