"""How a text may be spelled inside JSON, which may itself stand inside JSON."""

from __future__ import annotations

import re

# A character takes at most so many bytes: two surrogates, each with 8 backslashes.
MAX_SPELLED_BYTES = 32

# What no JSON encoder escapes; 32 of them are enough to look for.
_PLAIN = r" !#$%()*,\-.0-9:;=?@A-Z\[\]^_a-z{|}~"
_PLAIN_PART = re.compile(f"[{_PLAIN}]{{4,32}}")
_PART = re.compile(rf"(?P<plain>[{_PLAIN}]+)|(?P<backslashes>\\+)|.", re.DOTALL)
_SHORT_ESCAPES = {"\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}


def plain_part(value: str) -> bytes:
    """The longest part of the text that stands in each of its spellings as it is, or nothing."""
    return max(_PLAIN_PART.findall(value), key=len, default="").encode()


def any_spelling(value: str) -> bytes:
    """A regular expression for the UTF-8 text as it is and as up to four JSON encoders make it.

    They may write `\\/` for `/`, and \\uXXXX in any case for all but plain ASCII (RFC 8259,
    section 7). Each further encoder doubles the backslashes and escapes quotes again.
    """
    return b"".join(_spelled(part) for part in _PART.finditer(value))


def _spelled(part: re.Match[str]) -> bytes:
    text = part[0]
    if part["plain"]:
        return re.escape(text.encode())
    if part["backslashes"]:
        number = len(text)
        return rb"(?:\\{%d,%d}|(?:\\{1,8}u005[cC]){%d})" % (number, 16 * number, number)
    # A quote or a slash may have gained a backslash from each encoder.
    spellings = [rb"\\{0,15}" + text.encode() if text in "\"'/" else re.escape(text.encode())]
    if text in _SHORT_ESCAPES:
        spellings.append(rb"\\{1,8}" + _SHORT_ESCAPES[text].encode())
    spellings.append(b"".join(_unicode_escape(unit) for unit in _utf16_units(text)))
    return b"(?:" + b"|".join(spellings) + b")"


def _utf16_units(text: str) -> list[str]:
    digits = text.encode("utf-16-be").hex()
    return [digits[at : at + 4] for at in range(0, len(digits), 4)]


def _unicode_escape(unit: str) -> bytes:
    any_case = "".join(f"[{d}{d.upper()}]" if d.isalpha() else d for d in unit)
    return rb"\\{1,8}u" + any_case.encode()
