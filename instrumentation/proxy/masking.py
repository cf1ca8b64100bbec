"""Secrets in what the proxy records: stars of the same length."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

from .loose import as_json

MIN_SECRET_CHARS = 8


class Mask:
    """Masks exact values, also as they stand in JSON and in a URL; those under 8 characters not."""

    def __init__(self, values: Iterable[str]) -> None:
        forms = {
            form.encode()
            for value in values
            if len(value) >= MIN_SECRET_CHARS
            for form in (value, as_json(value)[1:-1], quote(value, safe=""))
        }
        found = b"|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
        self._secrets = re.compile(found) if found else None

    def hide(self, data: bytes) -> bytes:
        """`data` with `*` for every byte of a secret."""
        if self._secrets is None:
            return data
        return self._secrets.sub(lambda match: b"*" * len(match.group()), data)

    def hide_text(self, text: str) -> str:
        """`text` with `*` for every byte of a secret, and `?` for what is no Unicode."""
        return self.hide(text.encode("utf-8", "replace")).decode()

    def hide_chunks(self, chunks: list[bytes]) -> list[bytes]:
        """The chunks, masked also where a secret is cut in two; each keeps its length."""
        whole = self.hide(b"".join(chunks))
        masked, start = [], 0
        for chunk in chunks:
            masked.append(whole[start : start + len(chunk)])
            start += len(chunk)
        return masked
