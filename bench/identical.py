#!/usr/bin/env python3
"""Twenty experiments with a contender against itself: how often a difference is claimed where there is none.

Each experiment has six blocks and a seed of its own. A claim is false at most once in twenty, so that of twenty experiments
more than three false ones would come about by chance with a probability of 1.6 %: that ends it with 1.
"""

import argparse
import collections
import json
import math
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CLAIMS = {"better", "worse", "slightly_better", "slightly_worse"}
EXPERIMENT = """
scenario = "{root}/scenarios/question_answering.toml"
blocks = 6
warm_up = "300ms"
measure = "700ms"
users = 8

[[contender]]
name = "one"
process = ["{{bakeoff}}", "serve", "--port", "{{port}}", "--threads", "1"]
ready = "/ready"

[[contender]]
name = "two"
process = ["{{bakeoff}}", "serve", "--port", "{{port}}", "--threads", "1"]
ready = "/ready"
"""


def more_than(most, runs, probability):
    """The probability of more than `most` of `runs`, each with `probability`."""
    terms = (
        math.comb(runs, count) * probability**count * (1 - probability) ** (runs - count)
        for count in range(most + 1)
    )
    return 1 - sum(terms)


def most_false(runs):
    """The most false claims that chance leaves in 95 of 100 series of so many runs."""
    return next(most for most in range(runs + 1) if more_than(most, runs, 0.05) <= 0.05)


def compare(binary, folder, seed):
    (folder / "bakeoff.toml").write_text(EXPERIMENT.format(root=ROOT))
    command = [binary, "compare", "--seed", str(seed), "--json", "out.json"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    record = json.loads((folder / "out.json").read_text())
    return record["derived"]["results"][1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", help="default: built for release")
    parser.add_argument("--runs", type=int, default=20)
    args = parser.parse_args()
    if args.binary is None:
        subprocess.run(["cargo", "build", "--release", "--locked"], cwd=ROOT, check=True)
    target = next(iter(sorted(ROOT.glob("target/*/release/bakeoff"))), None)
    binary = str(pathlib.Path(args.binary or target).resolve())
    verdicts = collections.Counter()
    print("run  ratio  interval        p      verdict")
    with tempfile.TemporaryDirectory() as folder:
        for run in range(1, args.runs + 1):
            result = compare(binary, pathlib.Path(folder), run)
            comparison = result["comparisons"][0]
            verdict = result["verdict"]["verdict"]
            verdicts[verdict] += 1
            figures = [comparison[key] for key in ("point_estimate_ratio", "low_ratio", "high_ratio", "p_value")]
            shown = ["–" if figure is None else f"{figure:.3f}" for figure in figures]
            print(f"{run:3}  {shown[0]}  {shown[1]} to {shown[2]}  {shown[3]}  {verdict}", flush=True)
    false = sum(count for verdict, count in verdicts.items() if verdict in CLAIMS)
    most = most_false(args.runs)
    print(f"{false} of {args.runs} claim a difference that is not there; at most {most} may")
    print(", ".join(f"{verdict}: {count}" for verdict, count in verdicts.most_common()))
    return int(false > most)


if __name__ == "__main__":
    sys.exit(main())
