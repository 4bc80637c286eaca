"""The intervals and the test against worked examples of the literature."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.statistics import Pairs, mcnemar_exact, newcombe_paired, wilson

COUNTS = st.integers(min_value=0, max_value=300)
PAIRS = st.builds(Pairs, both=COUNTS, gained=COUNTS, lost=COUNTS, neither=COUNTS).filter(lambda pairs: pairs.total > 0)

# Right in both, first only, second only, neither, as the sources print them; they subtract second from first.
AIRWAY = Pairs(both=1, gained=1, lost=7, neither=12)  # Bentur 2009, in Fagerland, Lydersen and Laake 2014
CONSOLIDATION = Pairs(both=59, gained=6, lost=16, neither=80)  # Cavo 2012, in the same
ALTMAN = Pairs(both=14, gained=5, lost=0, neither=22)  # Altman et al., Statistics with Confidence, 2000, table 6.2


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_newcombes_table(right: int, total: int, low: float, high: float) -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3."""
    interval = wilson(right, total)
    assert [interval.low, interval.high] == pytest.approx([low, high], abs=5e-5)


@pytest.mark.parametrize(
    ("pairs", "difference", "low", "high"),
    [
        (AIRWAY, -0.2857, -0.5069, -0.0256),
        (CONSOLIDATION, -0.0621, -0.1186, -0.0046),
        (ALTMAN, 0.1220, 0.0115, 0.2265),
    ],
)
def test_newcombe_gives_the_published_intervals(pairs: Pairs, difference: float, low: float, high: float) -> None:
    interval = newcombe_paired(pairs)
    assert pairs.difference == pytest.approx(difference, abs=5e-5)
    assert [interval.low, interval.high] == pytest.approx([low, high], abs=5e-5)


@pytest.mark.parametrize(("pairs", "p"), [(AIRWAY, 0.0703), (CONSOLIDATION, 0.0525), (ALTMAN, 0.0625)])
def test_mcnemar_gives_the_published_p(pairs: Pairs, p: float) -> None:
    assert mcnemar_exact(pairs) == pytest.approx(p, abs=5e-5)


def test_no_change_is_no_evidence() -> None:
    assert mcnemar_exact(Pairs(both=40, gained=0, lost=0, neither=2)) == 1.0


def test_no_cases_say_nothing() -> None:
    nothing = Pairs(both=0, gained=0, lost=0, neither=0)
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)
    assert (newcombe_paired(nothing).low, newcombe_paired(nothing).high) == (-1.0, 1.0)


def test_pairs_count_each_case_once() -> None:
    pairs = Pairs.count([True, False, True, False, True], [True, True, False, False, True])
    assert pairs == Pairs(both=2, gained=1, lost=1, neither=1)


@given(PAIRS)
def test_the_interval_holds_the_difference_and_stays_in_range(pairs: Pairs) -> None:
    interval = newcombe_paired(pairs)
    assert -1.0 - 1e-12 <= interval.low <= pairs.difference + 1e-12
    assert pairs.difference - 1e-12 <= interval.high <= 1.0 + 1e-12


@given(PAIRS)
def test_swapping_the_measurements_mirrors_the_interval(pairs: Pairs) -> None:
    swapped = Pairs(both=pairs.both, gained=pairs.lost, lost=pairs.gained, neither=pairs.neither)
    there, back = newcombe_paired(pairs), newcombe_paired(swapped)
    assert [there.low, there.high] == pytest.approx([-back.high, -back.low], abs=1e-9)
    assert mcnemar_exact(pairs) == mcnemar_exact(swapped)
