"""Secrets are replaced by stars of the same length before a request reaches the disk.

Nearly every request holds none, and a search of its raw protobuf says so without touching it. One
that may hold a secret is masked field by field in the parsed message and serialized anew. To
overwrite the raw bytes instead would not be safe: the tag or the length in front of a field can be
a letter or a digit, so that what looks like a secret may begin in the bytes that hold the message
together, and a message with stars in their place is another message, or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor import FieldDescriptor as Field

from .secret_finder import SecretFinder

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from spanscore.collector.signals import Signal


@dataclass(frozen=True, slots=True)
class Masked:
    """An Export request without secrets: its protobuf, the same parsed, how many were masked."""

    body: bytes
    message: Message
    count: int


class Masker:
    """Masks exact `values` and, with `patterns`, the forms of keys in secret_patterns.tsv.

    Values are found also where they stand in JSON text, see SecretFinder, which raises ValueError
    for those that are too short to be told from ordinary text.
    """

    def __init__(self, values: Sequence[str], patterns: bool = True) -> None:
        self._finder = SecretFinder(values, patterns)

    def mask(self, signal: Signal, body: bytes, message: Message | None = None) -> Masked:
        """The request with `*` for every byte of a secret, in all its texts and bytes, keys too.

        `message` is what `body` parses to, if the caller has it; it is masked in place. Without a
        secret, `body` itself comes back. With one, the body is serialized anew, without fields that
        this version of OTLP does not know: in them nothing can be masked. Masking twice changes
        nothing.
        """
        if message is None:
            message = signal.request_type.FromString(body)
        if not self._finder.may_hold(body):
            return Masked(body, message, 0)
        count = self._mask_fields(message)
        message.DiscardUnknownFields()
        return Masked(message.SerializeToString(), message, count)

    def _mask_fields(self, message: Any) -> int:
        count = 0
        for field, value in message.ListFields():
            if field.type == Field.TYPE_MESSAGE:
                parts = value if field.is_repeated else (value,)
                count += sum(map(self._mask_fields, parts))
            elif field.type in (Field.TYPE_STRING, Field.TYPE_BYTES):
                count += self._mask_field(message, field, value)
        return count

    def _mask_field(self, message: Any, field: Field, value: Any) -> int:
        if not field.is_repeated:
            masked, count = self._mask_value(value)
            if count:
                setattr(message, field.name, masked)
            return count
        total = 0
        for index, item in enumerate(value):
            value[index], count = self._mask_value(item)
            total += count
        return total

    def _mask_value(self, value: str | bytes) -> tuple[str | bytes, int]:
        if isinstance(value, bytes):
            return self._finder.star_out(value)
        masked, count = self._finder.star_out(value.encode())
        return masked.decode(), count
