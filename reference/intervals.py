"""Writes the golden values for the tests of crates/analysis/src/statistics.rs and below, as Rust constants.

    python3 -m venv venv && venv/bin/pip install scipy==1.17.1 numpy==2.4.6 statsmodels==0.15.0
    venv/bin/python reference/intervals.py
"""

import contextlib
import itertools
import math
from collections import Counter
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import scipy
from scipy import stats
from scipy.special import ndtr, ndtri
from statsmodels.stats.multitest import multipletests

FIXTURES = Path(__file__).resolve().parents[1] / "crates/analysis/tests/fixtures"

# Sums of eighths and sixteenths are exact, so that equal means compare equal in every order of summing.
SMALL = [
    ([0.125, 0.25, 0.5], 0.9),
    ([0.0625, -0.125, 0.25, 0.5], 0.95),
    ([1.75, 1.8125, 1.6875, 1.9375, 1.625], 0.95),
    ([0.0625, 0.25, -0.125, 0.1875, 0.0, 1.0], 0.99),
]
LARGER = [
    ([0.01, 0.04, -0.02, 0.03, 0.00, 0.15, 0.02, 0.05], 0.95),
    ([1.70, 1.75, 1.68, 1.90, 1.72, 1.81, 1.77, 1.79, 1.66, 2.10], 0.95),
    ([-0.5, 0.2, -0.1, 0.4, 0.3, -0.2, 0.05], 0.90),
]
DIFFERENCES = [
    [0.5, 0.25],
    [0.25, -0.125, 0.5, 0.375, 0.0625],
    [0.01, 0.04, -0.02, 0.03, 0.0, 0.15, 0.02, 0.05],
    [-0.3, -0.1, -0.2, -0.4, -0.25, -0.15],
    [0.1, -0.1, 0.1, -0.1, 0.1, -0.1, 0.1],
    [1.7, -0.2, 0.9, 1.1, -0.4, 0.3, 0.8, -1.2, 0.6, 0.5, 1.4, 0.2],
]
SEVERAL_P = [[0.04], [0.01, 0.04, 0.03], [0.5, 0.02, 0.02, 0.9], [0.3, 0.4, 0.6], [0.002, 0.001, 0.003, 0.004, 0.05]]


def exact(sample, confidence):
    """SciPy's `BCa` interval over every resample there is, instead of random ones."""
    every = np.array([np.mean(chosen) for chosen in itertools.product(sample, repeat=len(sample))])
    distribution = SimpleNamespace(bootstrap_distribution=every)
    return stats.bootstrap(
        (sample,), np.mean, confidence_level=confidence, n_resamples=0, bootstrap_result=distribution, method="BCa"
    ).confidence_interval


def sampled(sample, confidence):
    random = np.random.default_rng(1)
    return stats.bootstrap(
        (sample,), np.mean, confidence_level=confidence, n_resamples=200_000, method="BCa", rng=random
    ).confidence_interval


def rational(sample, confidence):
    """The same interval over every resample, in rational numbers: means that are equal compare equal."""
    sample = [Fraction(str(value)) for value in sample]
    n = len(sample)
    ways = Counter()
    for chosen in itertools.combinations_with_replacement(range(n), n):
        repeats = math.prod(math.factorial(count) for count in Counter(chosen).values())
        ways[sum(sample[index] for index in chosen) / n] += math.factorial(n) // repeats
    mean = sum(sample) / n
    below = sum(count for value, count in ways.items() if value < mean)
    share = Fraction(2 * below + ways[mean], 2 * n**n)
    cubes = float(sum((value - mean) ** 3 for value in sample))
    squares = float(sum((value - mean) ** 2 for value in sample))
    acceleration = cubes / squares**1.5 / 6
    bias = ndtri(float(share))
    for tail in [(1 - confidence) / 2, (1 + confidence) / 2]:
        shifted = bias + ndtri(tail)
        position = ndtr(bias + shifted / (1 - acceleration * shifted)) * (n**n - 1)
        low, high = (value_at(ways, int(position) + step) for step in [0, 1])
        yield float(low + (high - low) * Fraction(position % 1))


def value_at(ways, rank):
    for value in sorted(ways):
        rank -= ways[value]
        if rank < 0:
            return value


def rows(cases, interval):
    for sample, confidence in cases:
        low, high = interval(sample, confidence)
        print(f"    (&{sample}, {confidence}, {literal(low)}, {literal(high)}),")


def sign_flip_p(differences):
    """Over every way to flip signs."""
    return stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue


def quantile_ranks(count, quantile):
    """The ends of SciPy's interval for the quantile of 1, 2, … count are ranks."""
    test = stats.quantile_test(np.arange(1, count + 1), p=quantile)
    low, high = test.confidence_interval(0.95)
    return "None" if np.isnan(low) or np.isnan(high) else f"Some(({int(low)}, {int(high)}))"


def literal(number):
    """Twelve decimals in groups of three, as Rust's lints want long literals."""
    whole, decimals = f"{number:.12f}".split(".")
    return f"{whole}." + "_".join(decimals[at : at + 3] for at in range(0, 12, 3))


def grouped(number):
    return f"{number:_}"


def main():
    for name, write in [
        ("statistics", write_intervals),
        ("significance", write_significance),
        ("quantile_ranks", write_quantile_ranks),
    ]:
        with open(FIXTURES / f"{name}.rs", "w") as file, contextlib.redirect_stdout(file):
            print(f"// Written by reference/intervals.py with SciPy {scipy.__version__}.\n")
            write()


def write_significance():
    print("/// Differences, and the two-sided p of their signs.")
    print("const SIGN_FLIP: &[(&[f64], f64)] = &[")
    for differences in DIFFERENCES:
        print(f"    (&{differences}, {literal(sign_flip_p(differences))}),")
    print("];\n")
    print("/// p values, and the same after Holm's adjustment.")
    print("const HOLM: &[(&[f64], &[f64])] = &[")
    for p in SEVERAL_P:
        adjusted = ", ".join(literal(value) for value in multipletests(p, method="holm")[1])
        print(f"    (&{p}, &[{adjusted}]),")
    print("];")


def write_quantile_ranks():
    print("/// The ranks between which a quantile lies; none where there are too few values.")
    print("type Ranks = Option<(u64, u64)>;\n")
    print("/// How many values, which quantile, and its ranks.")
    print("const QUANTILE_RANKS: &[(u64, f64, Ranks)] = &[")
    for quantile in [0.5, 0.95, 0.99, 0.999]:
        for count in [5, 6, 71, 72, 367, 368, 500, 1000, 3000, 3687, 3688, 10_000, 100_000]:
            print(f"    ({grouped(count)}, {quantile}, {quantile_ranks(count, quantile)}),")
    print("];")


def write_intervals():
    print("/// Sample, confidence, and the ends of SciPy's `BCa` interval of the mean over every resample.")
    print("const EXACT_BCA: &[(&[f64], f64, f64, f64)] = &[")
    rows(SMALL, exact)
    print("];\n")
    print("/// The same over 200,000 random resamples.")
    print("const SAMPLED_BCA: &[(&[f64], f64, f64, f64)] = &[")
    rows(LARGER, sampled)
    print("];\n")
    print("/// The same over every resample, in rational numbers.")
    print("const RATIONAL_BCA: &[(&[f64], f64, f64, f64)] = &[")
    rows(SMALL + LARGER, rational)
    print("];\n")
    print("/// Blocks, and the confidence to ask a bootstrap for to get 95 %.")
    print("const EXPANDED_CONFIDENCE: &[(usize, f64)] = &[")
    for n in [6, 8, 10, 20, 100]:
        tail = ndtr(np.sqrt(n / (n - 1)) * stats.t.ppf(0.025, n - 1))
        print(f"    ({n}, {literal(1 - 2 * tail)}),")
    print("];")


if __name__ == "__main__":
    main()
