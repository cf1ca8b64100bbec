"""Roman numerals from 1 to 3999."""

_SIGNS = [
    (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"),
    (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
]
_VALUES = {sign: value for value, sign in _SIGNS if len(sign) == 1}


def to_roman(number):
    """A number as a Roman numeral. Raises ValueError outside of 1 to 3999."""
    if not 1 <= number <= 3999:
        raise ValueError(f"{number} has no Roman numeral")
    numeral = ""
    for value, sign in _SIGNS:
        while number >= value:
            numeral += sign
            number -= value
    return numeral


def from_roman(numeral):
    """The number that a numeral stands for. Raises ValueError if it is not the usual form."""
    total = 0
    for sign, following in zip(numeral, numeral[1:] + " "):
        value = _VALUES.get(sign, 0)
        total += -value if value < _VALUES.get(following, 0) else value
    if total == 0 or to_roman(total) != numeral:
        raise ValueError(f"{numeral!r} is no Roman numeral")
    return total
