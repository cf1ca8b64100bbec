"""Prices with tax, in cents."""

from decimal import ROUND_HALF_UP, Decimal


def with_tax(cents, percent):
    """The price with tax, rounded half up as the law of the example says."""
    exact = Decimal(cents) * (100 + percent) / 100
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))
