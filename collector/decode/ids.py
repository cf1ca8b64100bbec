"""Binary ids as lower-case hex text, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from .arrays import Ints, strings

_HEX_OF_BYTE = np.frombuffer(bytes(range(256)).hex().encode(), dtype=np.uint16)
_VALUE_OF_DIGIT = np.zeros(256, np.uint8)
_VALUE_OF_DIGIT[np.frombuffer(b"0123456789abcdef", np.uint8)] = range(16)


def hex_ids(ids: Any) -> Any:
    """Two characters a byte, whatever the length of an id; NULL for an empty one."""
    offsets, raw = _opened(ids)
    texts = _HEX_OF_BYTE[raw].view(np.uint8)
    return strings(offsets * 2, texts, np.diff(offsets) > 0)


def binary_ids(texts: Any) -> Any:
    """The ids that `hex_ids` made these texts of; empty for NULL."""
    offsets, digits = _opened(texts.fill_null(""))
    values = _VALUE_OF_DIGIT[digits]
    raw = values[::2] << 4 | values[1::2]
    buffers = [None, pa.py_buffer((offsets // 2).astype(np.int32)), pa.py_buffer(raw)]
    return pa.Array.from_buffers(pa.binary(), len(texts), buffers)


def _opened(array: Any) -> tuple[Ints, Ints]:
    """Offsets from zero and the bytes of a binary or string array."""
    offsets = np.frombuffer(array.buffers()[1], np.int32)[
        array.offset : array.offset + len(array) + 1
    ]
    first, last = int(offsets[0]), int(offsets[-1])
    data = array.buffers()[2]
    raw = np.frombuffer(data, np.uint8)[first:last] if last > first else np.empty(0, np.uint8)
    return offsets - first, raw
