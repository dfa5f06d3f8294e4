#!/usr/bin/env python3
"""Draws squad-sample.jsonl, the questions of our scenarios, from SQuAD 1.1's development set.

    scenarios/sample-squad.py --data dev-v1.1.json > scenarios/squad-sample.jsonl

Reads plain or gzipped JSON in SQuAD's own format. Every article gives its share, so that no topic is left out;
the same seed and size draw the same questions.
"""

import argparse
import gzip
import json
import random
import sys


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, metavar="FILE", help="SQuAD JSON, plain or gzipped")
    parser.add_argument("--size", type=int, default=500, metavar="N", help="questions to draw (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=70, metavar="N", help="seed of the draw (default: %(default)s)")
    arguments = parser.parse_args()
    for row in draw(load(arguments.data), arguments.size, random.Random(arguments.seed)):
        json.dump(row, sys.stdout, ensure_ascii=False)
        print()


def load(path: str) -> list[list[dict[str, str]]]:
    """The questions of each article."""
    with open(path, "rb") as file:
        text = file.read()
    if text.startswith(b"\x1f\x8b"):
        text = gzip.decompress(text)
    return [
        [
            {"question": qa["question"].strip(), "context": paragraph["context"]}
            for paragraph in article["paragraphs"]
            for qa in paragraph["qas"]
        ]
        for article in json.loads(text)["data"]
    ]


def draw(articles: list[list[dict[str, str]]], size: int, rng: random.Random) -> list[dict[str, str]]:
    """`size` questions, as evenly over the articles as whole numbers allow, in random order."""
    sample = []
    for index, questions in enumerate(articles):
        share = size * (index + 1) // len(articles) - size * index // len(articles)
        sample += rng.sample(questions, min(share, len(questions)))
    rng.shuffle(sample)
    return sample


if __name__ == "__main__":
    main()
