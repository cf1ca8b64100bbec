"""Finds secrets in bytes: exact values in any JSON spelling, and well-known forms of keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files

from ahocorasick_rs import BytesAhoCorasick, MatchKind

from spanscore.collector.config import MIN_SECRET_CHARACTERS

from .spelling import MAX_SPELLED_BYTES, any_spelling, plain_part

# A search returns all its finds at once, so a body is searched in pieces.
_PIECE_BYTES = 1 << 18

# What may stand before a known form: no letter or digit, unless it ends an escape sequence of JSON,
# of a URL or of a terminal.
_BOUNDARY = (
    rb"(?:(?<![A-Za-z0-9])|(?<=\\[bfnrt])|(?<=\\u00[0-7][0-9A-Fa-f])|(?<=%[0-7][0-9A-Fa-f])"
    rb"|(?<=[\[;]\dm)|(?<=[\[;]\d\dm))"
)
# In raw protobuf the two bytes before a field are its tag and its length, and may look like text.
# Tags that look like letters are B J R Z b j r z; after another letter it is the same field.
_RAW_BOUNDARY = rb"(?<![AC-IK-QS-Yac-ik-qs-y][A-Za-z0-9])"


_Find = Callable[[bytes | bytearray, int], re.Match[bytes] | None]


@dataclass(frozen=True, slots=True)
class _Secret:
    """What to look for: its literal is searched, then one of the others tried at that position."""

    literal: bytes
    in_field: _Find
    in_raw: _Find  # finds all that in_field finds, and sometimes more
    exact: bool


class SecretFinder:
    """Knows exact values and, with `patterns`, the forms listed in secret_patterns.tsv.

    A value is also found as it stands in JSON text, escaped up to four times over. ValueError for
    one shorter than MIN_SECRET_CHARACTERS. A value without four plain ASCII characters in a row
    costs every request a slow search of its own.
    """

    def __init__(self, values: Sequence[str], patterns: bool) -> None:
        for number, value in enumerate(values, 1):
            if len(value) < MIN_SECRET_CHARACTERS or not value.strip("*"):
                raise ValueError(
                    f"value {number} to mask has {len(value.strip('*'))} characters, it needs "
                    f"{MIN_SECRET_CHARACTERS} or more: shorter ones occur in ordinary text"
                )
        # The longest first, because one value may begin with another.
        exact = sorted(set(values), key=len, reverse=True)
        secrets = [_exact_value(value, plain_part(value)) for value in exact if plain_part(value)]
        secrets += _known_forms() if patterns else []
        self._unsearched = [re.compile(any_spelling(v)) for v in exact if not plain_part(v)]
        self._tries = [_tries(index, secrets) for index in range(len(secrets))]
        self._overlap = max((len(secret.literal) for secret in secrets), default=1) - 1
        self._search = BytesAhoCorasick(
            [secret.literal for secret in secrets], matchkind=MatchKind.LeftmostFirst
        ).find_matches_as_indexes

    def may_hold(self, message: bytes) -> bool:
        """Whether a serialized message may hold a secret; False is certain.

        Reads about 2 GB/s as long as values and forms together are no more than some 60.
        """
        return any(secret.in_raw(message, at) for at, secret in self._candidates(message)) or any(
            regex.search(message) for regex in self._unsearched
        )

    def star_out(self, field: bytes) -> tuple[bytes, int]:
        """The content of a field with `*` for each byte of its secrets, and how many there were."""
        text, count = bytearray(field), 0
        # Again until there is none: stars may complete a value that has stars of its own.
        while hits := self._star_out_once(text):
            count += hits
        return bytes(text), count

    def _star_out_once(self, text: bytearray) -> int:
        candidates = list(self._candidates(text))
        if not candidates and not self._unsearched:
            return 0
        # Values first: a known form ends where its alphabet ends, and a value may go on there.
        tries = [(secret.in_field, at) for at, secret in candidates if secret.exact]
        tries += [(r.match, found.start()) for r in self._unsearched for found in r.finditer(text)]
        tries += [(secret.in_field, at) for at, secret in candidates if not secret.exact]
        return sum(_star_out(text, find, at) for find, at in tries)

    def _candidates(self, data: bytes | bytearray) -> Iterator[tuple[int, _Secret]]:
        """Where to try which secret."""
        with memoryview(data) as view:
            for start in range(0, len(data), _PIECE_BYTES):
                for index, at, _ in self._search(
                    view[start : start + _PIECE_BYTES + self._overlap]
                ):
                    for offset, secret in self._tries[index]:
                        yield start + at + offset, secret


def _star_out(text: bytearray, find: _Find, at: int) -> int:
    # In place, because what follows a secret directly now follows a star and may be a secret too.
    hits = 0
    while match := find(text, at):
        text[match.start() : match.end()] = b"*" * len(match[0])
        hits += 1
    return hits


def _tries(found: int, secrets: list[_Secret]) -> list[tuple[int, _Secret]]:
    """What to try where a literal was found, and how far behind it.

    The search goes on behind a literal, so that it hides others which begin inside it. At the same
    place it prefers the first of the list, so that only later ones are hidden.
    """
    literal = secrets[found].literal
    return [
        (offset, secret)
        for offset in range(len(literal))
        for secret in secrets[0 if offset else found :]
        if secret.literal.startswith(literal[offset:]) or literal.startswith(secret.literal, offset)
    ]


def _exact_value(value: str, literal: bytes) -> _Secret:
    regex = re.compile(any_spelling(value))
    reach = len(value) * MAX_SPELLED_BYTES

    def find(data: bytes | bytearray, at: int) -> re.Match[bytes] | None:
        return regex.search(data, max(0, at - reach), at + reach)

    return _Secret(literal, find, find, exact=True)


def _known_forms() -> list[_Secret]:
    lines = files(__package__).joinpath("secret_patterns.tsv").read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    return [_known_form(prefix.encode(), rest.encode()) for _, prefix, rest in rows[1:]]


def _known_form(prefix: bytes, rest: bytes) -> _Secret:
    regex = re.escape(prefix) + rest
    in_field, in_raw = re.compile(_BOUNDARY + regex), re.compile(_RAW_BOUNDARY + regex)
    return _Secret(prefix, in_field.match, in_raw.match, exact=False)
