import unittest

from intervals import merge, subtract, total


class Intervals(unittest.TestCase):
    def test_what_touches_becomes_one(self):
        self.assertEqual(merge([(1, 3), (4, 6)]), [(1, 6)])

    def test_what_is_apart_stays_apart(self):
        self.assertEqual(merge([(7, 9), (1, 3)]), [(1, 3), (7, 9)])

    def test_a_hole_cuts_in_two(self):
        self.assertEqual(subtract([(1, 9)], (4, 6)), [(1, 3), (7, 9)])

    def test_numbers_are_counted_once(self):
        self.assertEqual(total([(1, 5), (3, 9)]), 9)


if __name__ == "__main__":
    unittest.main()
