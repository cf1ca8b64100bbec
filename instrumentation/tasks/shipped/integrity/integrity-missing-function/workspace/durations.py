"""Durations as people write them."""

UNITS = {"s": 1, "m": 60, "h": 3600}


def format_duration(seconds):
    """A number of seconds such as 3725 as a text such as 1h 2m 5s."""
    parts = []
    for unit in ("h", "m", "s"):
        count, seconds = divmod(seconds, UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts) or "0s"
