import unittest

from prices import with_tax


class Prices(unittest.TestCase):
    def test_half_a_cent_is_rounded_up(self):
        self.assertEqual(with_tax(150, 19), 179)
        self.assertEqual(with_tax(250, 5), 263)


if __name__ == "__main__":
    unittest.main()
