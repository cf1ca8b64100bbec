"""Durations as people write them."""

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_duration(text):
    """The seconds of a text such as `90s`, `1h30m` or `1d 2h`.

    Units are d, h, m, s, each at most once and in this order; spaces between parts are fine.
    Raises ValueError, with the text in its message, for anything else, such as an empty text.
    """
    raise NotImplementedError
