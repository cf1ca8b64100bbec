"""Ranks players by their points."""


def rank(points):
    """The names of a dict of points, the best first; of equal points in the order of names."""
    return sorted(points, key=lambda name: (-points[name], name))
