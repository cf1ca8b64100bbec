"""Greets people."""


def greet(name):
    """A greeting such as `Hello, Ada!`."""
    return f"Hello, {name}!"
