"""How sure a measured share is: intervals for one accuracy and for the difference of two on the same cases."""

from dataclasses import dataclass
from math import comb, sqrt
from statistics import NormalDist

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A two-sided interval of shares or of their differences, from `low` to `high`."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Cases measured twice, counted: right both times, gained, lost, wrong both times.

    `gained` is wrong in the first measurement (the base) and right in the second (the candidate).
    """

    both: int
    gained: int
    lost: int
    neither: int

    @classmethod
    def count(cls, first: list[bool], second: list[bool]) -> "Pairs":
        """Count two lists of the same cases in the same order; ValueError if their lengths differ."""
        pairs = list(zip(first, second, strict=True))
        return cls(
            both=pairs.count((True, True)),
            gained=pairs.count((False, True)),
            lost=pairs.count((True, False)),
            neither=pairs.count((False, False)),
        )

    @property
    def total(self) -> int:
        """The number of cases."""
        return self.both + self.gained + self.lost + self.neither

    @property
    def difference(self) -> float:
        """The second accuracy less the first."""
        return (self.gained - self.lost) / self.total


def _z(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)


def wilson(right: int, total: int, level: float = LEVEL) -> Interval:
    """The score interval of one share, without continuity correction.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927) 209-212.
    It speaks of cases drawn like these, not of requests at large: 20 of 20 still leaves 0.84 to 1.
    """
    if total == 0:
        return Interval(0.0, 1.0)
    z, share = _z(level), right / total
    middle = share + z * z / (2 * total)
    half = z * sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    # Exact ends where rounding would leave 1e-17 or 0.9999999999999999.
    low = 0.0 if right == 0 else (middle - half) / scale
    high = 1.0 if right == total else (middle + half) / scale
    return Interval(low, high)


def newcombe_paired(pairs: Pairs, level: float = LEVEL) -> Interval:
    """The square-and-add interval of a difference of paired shares (second less first).

    Method 10 of R. G. Newcombe, "Improved confidence intervals for the difference between binomial proportions based
    on paired data", Statistics in Medicine 17 (1998) 2635-2650: Wilson's limits of both shares, joined by their
    correlation. Unlike the usual normal approximation it stays sound with few cases and with accuracies near 0 or 1.
    """
    if pairs.total == 0:
        return Interval(-1.0, 1.0)
    total, correlation = pairs.total, _correlation(pairs)
    second, first = (pairs.both + pairs.gained), (pairs.both + pairs.lost)
    of_second, of_first = wilson(second, total, level), wilson(first, total, level)
    below = _joined(second / total - of_second.low, of_first.high - first / total, correlation)
    above = _joined(first / total - of_first.low, of_second.high - second / total, correlation)
    return Interval(pairs.difference - below, pairs.difference + above)


def _joined(one: float, other: float, correlation: float) -> float:
    # A square cannot be negative; rounding can make it so where the two cancel.
    return sqrt(max(0.0, one * one - 2 * correlation * one * other + other * other))


def _correlation(pairs: Pairs) -> float:
    """Newcombe's estimate of phi, corrected towards 0 where it is positive."""
    sums = (pairs.both + pairs.gained) * (pairs.lost + pairs.neither)
    product = sums * (pairs.both + pairs.lost) * (pairs.gained + pairs.neither)
    if product == 0:
        return 0.0
    excess: float = pairs.both * pairs.neither - pairs.gained * pairs.lost
    if excess > 0:
        excess = max(excess - pairs.total / 2, 0.0)
    return excess / sqrt(product)


def mcnemar_exact(pairs: Pairs) -> float:
    """The two-sided p of "no change": the binomial test on the cases that changed, 1.0 if none did.

    Q. McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 12 (1947) 153-157, in its exact conditional form.
    """
    changed, rarer = pairs.gained + pairs.lost, min(pairs.gained, pairs.lost)
    tail = sum(comb(changed, count) for count in range(rarer + 1))
    p: float = 2 * tail / 2**changed
    return min(1.0, p)
