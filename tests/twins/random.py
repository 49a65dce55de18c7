"""xoshiro128++ 1.0 (Blackman and Vigna) and Lemire's bounded draw, in plain Python whole numbers."""


def rotated_left(x, k):
    """A 32-bit number, its bits turned to the left by k places."""
    return ((x << k) % 2**32) | (x >> (32 - k))


class Stream:
    """A stream that starts from four 32-bit words."""

    def __init__(self, words):
        self.s = [int(word) for word in words]
        self.n_drawn = 0

    def draw(self):
        """The next 32 bits."""
        s = self.s
        result = (rotated_left((s[0] + s[3]) % 2**32, 7) + s[0]) % 2**32
        t = (s[1] << 9) % 2**32
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotated_left(s[3], 11)
        self.n_drawn += 1
        return result

    def below(self, n):
        """Uniform from 0 to n - 1: the integer part of n x / 2^32, but the surplus 2^32 mod n fractions are refused."""
        while True:
            whole, fraction = divmod(self.draw() * n, 2**32)
            if fraction >= 2**32 % n:
                return whole
