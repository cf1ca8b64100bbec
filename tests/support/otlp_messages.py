"""Hypothesis-made OTLP messages: any field of any depth, built from the protobuf descriptors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor import FieldDescriptor as Field
from hypothesis import strategies as st

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from hypothesis.strategies import DrawFn, SearchStrategy

    from spanscore.collector.signals import Signal

_INT32 = st.integers(-(1 << 31), (1 << 31) - 1)
_UINT32 = st.integers(0, (1 << 32) - 1)
_INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
_UINT64 = st.integers(0, (1 << 64) - 1)
_SCALARS: dict[int, SearchStrategy[Any]] = {
    Field.TYPE_BYTES: st.binary(max_size=16),
    Field.TYPE_BOOL: st.booleans(),
    Field.TYPE_ENUM: st.integers(0, 5),
    # One NaN: JSON cannot tell them apart.
    Field.TYPE_DOUBLE: st.floats(allow_nan=False) | st.just(math.nan),
    Field.TYPE_INT32: _INT32,
    Field.TYPE_SINT32: _INT32,
    Field.TYPE_UINT32: _UINT32,
    Field.TYPE_FIXED32: _UINT32,
    Field.TYPE_INT64: _INT64,
    Field.TYPE_SFIXED64: _INT64,
    Field.TYPE_UINT64: _UINT64,
    Field.TYPE_FIXED64: _UINT64,
}
_SOME_TEXT = st.text(max_size=12)
_DEEPEST = 12


@st.composite
def requests(draw: DrawFn, signal: Signal, text: SearchStrategy[str] = _SOME_TEXT) -> Message:
    """An Export request of a signal whose strings are drawn from `text`; NaN and -0.0 included."""
    message = signal.request_type()
    _fill(draw, message, text, 0)
    return message


def _fill(draw: DrawFn, message: Any, text: SearchStrategy[str], depth: int) -> None:
    for field in _chosen_fields(draw, message.DESCRIPTOR):
        is_message = field.type == Field.TYPE_MESSAGE
        if is_message and depth == _DEEPEST:
            continue
        target = getattr(message, field.name)
        scalar = text if field.type == Field.TYPE_STRING else _SCALARS.get(field.type, st.none())
        if not field.is_repeated and is_message:
            target.SetInParent()
            _fill(draw, target, text, depth + 1)
        elif not field.is_repeated:
            setattr(message, field.name, draw(scalar))
        elif is_message:
            for _ in range(draw(st.integers(0, 2))):
                _fill(draw, target.add(), text, depth + 1)
        else:
            target.extend(draw(st.lists(scalar, max_size=3)))


def _chosen_fields(draw: DrawFn, descriptor: Any) -> list[Field]:
    """Each field with even odds, but of a oneof one member or none."""
    single = [field for field in descriptor.fields if field.containing_oneof is None]
    chosen = [field for field in single if field.is_repeated or draw(st.booleans())]
    for oneof in descriptor.oneofs:
        member = draw(st.sampled_from([None, *oneof.fields]))
        chosen += [member] if member else []
    return chosen
