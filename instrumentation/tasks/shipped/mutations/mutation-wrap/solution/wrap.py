"""Breaks text into lines."""


def wrap(text, width):
    """The words of a text in lines of at most `width` characters; a longer word has its own."""
    lines = []
    line = ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    if line:
        lines.append(line)
    return lines


def justify(text, width):
    """The lines of `wrap`, all but the last filled up to `width` with spaces between the words."""
    lines = wrap(text, width)
    return [_spread(line.split(), width) for line in lines[:-1]] + lines[-1:]


def _spread(words, width):
    if len(words) == 1:
        return words[0]
    gaps = len(words) - 1
    spaces, more = divmod(width - sum(map(len, words)), gaps)
    line = words[0]
    for number, word in enumerate(words[1:]):
        line += " " * (spaces + (number < more)) + word
    return line
