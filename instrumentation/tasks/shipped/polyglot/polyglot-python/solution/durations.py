"""Durations as people write them."""

import re

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

_PARTS = re.compile("".join(rf"(?:(\d+){unit}\s*)?" for unit in "dhms"), re.ASCII)


def parse_duration(text):
    """The seconds of a text such as `90s`, `1h30m` or `1d 2h`.

    Units are d, h, m, s, each at most once and in this order; spaces between parts are fine.
    Raises ValueError, with the text in its message, for anything else, such as an empty text.
    """
    match = _PARTS.fullmatch(text)
    if not match or not any(match.groups()):
        raise ValueError(f"{text!r} is no duration")
    return sum(int(n or 0) * UNITS[unit] for n, unit in zip(match.groups(), "dhms"))
