"""Closed intervals of integers, as (first, last) pairs."""


def merge(intervals):
    """The same numbers as few intervals as there can be: touching ones become one."""
    merged = []
    for first, last in sorted(intervals):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], min(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def subtract(intervals, hole):
    """What is left of the intervals outside of the hole."""
    left = []
    for first, last in merge(intervals):
        if last < hole[0] or first > hole[1]:
            left.append((first, last))
            continue
        if first < hole[0]:
            left.append((first, hole[0] - 1))
        if last > hole[1]:
            left.append((hole[1] + 1, last))
    return left


def total(intervals):
    """How many numbers there are in them."""
    return sum(last - first + 1 for first, last in merge(intervals))
