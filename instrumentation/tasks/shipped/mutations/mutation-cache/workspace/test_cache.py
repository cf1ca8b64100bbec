import unittest

from cache import Cache


class CacheTest(unittest.TestCase):
    def test_a_value_is_kept(self):
        cache = Cache(2)
        cache.put("a", 1)
        self.assertEqual(cache.get("a"), 1)

    def test_the_newest_value_is_there_when_the_cache_is_full(self):
        cache = Cache(2)
        for number in range(5):
            cache.put(number, number)
        self.assertEqual(cache.get(4), 4)


if __name__ == "__main__":
    unittest.main()
