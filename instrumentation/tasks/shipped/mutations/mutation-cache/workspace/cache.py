"""A cache that forgets what was not used for the longest time."""

from collections import OrderedDict


class Cache:
    """Holds at most `size` values; reading or writing a key makes it the newest."""

    def __init__(self, size):
        if size < 1:
            raise ValueError("a cache holds at least one value")
        self.size = size
        self.hits = 0
        self.misses = 0
        self._values = OrderedDict()

    def get(self, key, default=None):
        """The value of a key, or the default."""
        if key not in self._values:
            self.misses += 1
            return default
        self.hits += 1
        self._values.move_to_end(key)
        return self._values[key]

    def put(self, key, value):
        """Keep a value; the oldest goes when there are too many."""
        self._values[key] = value
        self._values.move_to_end(key)
        while len(self._values) > self.size:
            self._values.popitem(last=True)

    def keys(self):
        """The keys, the oldest first."""
        return list(self._values)
