#!/usr/bin/env python3
"""Experiments whose truth is known: contenders that hang, crash, batch, lie and cache, a generator that is stopped, a busy neighbour.

bench/truth.py [--quick] [--bakeoff BINARY] [--only WORDS]

Prints for each the truth, the verdict, and whether that is right, refused or wrong; ends with 1 if any verdict is wrong.
Without --quick it also runs pairs that are the same, which may not be told apart, and pairs that are 10 % apart, which should.
"""

import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
DIFFERENT = {"better", "slightly_better", "slightly_worse", "worse"}
# What claims nothing.
REFUSED = {"not_measurable", "failed", "not_shown", "too_few_blocks", "no_baseline"}


@dataclass
class Case:
    name: str
    # Arguments of the contender `new` and of the baseline.
    new: str
    old: str
    # In words, and the verdicts that are right. What is neither right nor refused is wrong.
    truth: str
    right: set
    # Lines at the head of the experiment file.
    head: str = ""
    blocks: int = 6
    users: int = 4
    rows: int = 0
    order: str = "shuffled"
    # Left out with --quick.
    slow: bool = False
    # A piece of the report that has to be there.
    says: str = ""
    # Refusing is wrong too, unless something else on this machine disturbed it.
    strict: bool = False


FAILED = {"failed", "not_measurable"}
FAST, SLOW = "delay_ms=14 jitter_ms=1", "delay_ms=20 jitter_ms=1"
CASES = [
    Case("equal", SLOW, SLOW, "the same", {"same"}),
    Case("a third faster", FAST, SLOW, "better", {"better"}),
    Case("dead in one turn of nine", FAST + " freeze_after_ms=60 turns=4", SLOW, "fails", FAILED, blocks=9),
    Case("hangs at the end of every turn", FAST + " freeze_after_ms=600", SLOW, "fails", FAILED, strict=True),
    Case("crashes in three turns of nine", FAST + " exit_after_ms=550 turns=2,5,8", SLOW, "fails", FAILED, blocks=9, strict=True),
    Case("dies in the warm-up", FAST + " exit_after_ms=250 turns=3", SLOW, "fails", FAILED),
    Case("dies in the last second", FAST + " exit_after_ms=600 turns=3", SLOW, "fails", FAILED),
    Case("first requests are never answered", FAST + " freeze_first=2", SLOW, "fails", FAILED, strict=True),
    Case("3 % fail at once", FAST + " fail_ratio=0.03", SLOW, "fails", FAILED, strict=True),
    Case("error text with status 200", "delay_ms=5 body=overloaded", SLOW, "does other work", FAILED,
         head='answers = [{ json = "", equal = true }]', strict=True),
    # Answers of a quarter of the measured period: a window has three or four of them.
    Case("lockstep, 3.6 % slower", "delay_ms=166", "delay_ms=160", "slightly worse, or the same", {"same", "slightly_worse"}),
    Case("lockstep, 7.7 % faster", "delay_ms=156", "delay_ms=168", "better", {"better", "slightly_better"}),
    Case("alternates between 10 and 30 ms", "delay_ms=10 other_ms=30", "delay_ms=20", "the same", {"same"}),
    Case("slows with each request", "delay_ms=15 slower_ms=0.05", "delay_ms=15", "worse", {"worse", "slightly_worse"}, slow=True),
    Case("both take one lock", SLOW + " lock=LOCK", SLOW + " lock=LOCK", "the same", {"same"}, head='restart = "once"', slow=True),
    Case("generator stopped in one arm", SLOW + " stop_parent_ms=150", SLOW, "the same", {"same"}, head="extra_blocks = 0"),
    Case("neighbour takes a core in one arm", "busy_ms=2 burn_ms=1200 burner=BURNER", "busy_ms=2", "the same", {"same"}, head="extra_blocks = 0"),
    Case("caches answers, rows repeat", "delay_ms=20 cache_ms=2", "delay_ms=20", "better on repeated rows, and said so",
         {"better"}, rows=20, says="A contender that caches answers looks faster here"),
    Case("caches answers, rows are distinct", "delay_ms=20 cache_ms=2", "delay_ms=20", "the same", {"same"}, rows=5000,
         order="distinct"),
    Case("closes its connections", SLOW + " close=1", SLOW, "about the same, and said so", {"same", "slightly_worse", "worse"},
         says="opened 1.00 connections for each request", slow=True),
]
SAME = Case("equal pairs", "busy_ms=2", "busy_ms=2", "the same", {"same"})
APART = Case("10 % apart", "busy_ms=2.0", "busy_ms=2.2", "better", {"better", "slightly_better"}, blocks=10)


# Keeps a core busy for as many seconds as each line of the pipe says.
NEIGHBOUR = """
import sys, time
while True:
    for line in open(sys.argv[1]):
        end = time.time() + float(line)
        while time.time() < end: pass
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="most of the cases, within five minutes")
    parser.add_argument("--bakeoff", default=None)
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--same", type=int, default=60, help="equal pairs")
    parser.add_argument("--apart", type=int, default=20, help="pairs that are 10 %% apart")
    args = parser.parse_args()
    bakeoff = os.path.abspath(args.bakeoff or glob.glob(str(HERE.parent / "target/*/release/bakeoff"))[0])
    began = time.monotonic()
    wrong = refused = 0
    print("| case | truth | verdict | |\n| --- | --- | --- | --- |")
    cases = [case for case in CASES if args.only in case.name and not (args.quick and case.slow)]
    for case in cases:
        outcome, shown = judge(case, *run(bakeoff, case))
        wrong += outcome == "wrong"
        refused += outcome == "refused"
        print(f"| {case.name} | {case.truth} | {shown} | {outcome} |", flush=True)
    print(f"\n{wrong} wrong, {refused} refused, in {time.monotonic() - began:.0f} s", flush=True)
    if not args.quick:
        claimed = many(bakeoff, SAME, args.same, DIFFERENT)
        found = many(bakeoff, APART, args.apart, {"better", "slightly_better"})
        print(f"equal pairs: {claimed[0]} of {args.same} called different, {claimed[1]} refused")
        print(f"pairs 10 % apart: {found[0]} of {args.apart} found, {found[1]} refused")
    sys.exit(1 if wrong else 0)


def many(bakeoff: str, case: Case, times: int, wanted: set):
    """How often the verdict was one of those, and how often nothing could be judged."""
    verdicts = [run(bakeoff, case, seed)[0]["verdict"] for seed in range(1, times + 1)]
    return sum(verdict in wanted for verdict in verdicts), sum(verdict in FAILED for verdict in verdicts)


def judge(case: Case, verdict: dict, code: int, report: str):
    """Whether a verdict is right, refused or wrong, and what to show of it."""
    word = verdict["verdict"]
    shown = word + (f": {verdict['obstacle'].split(';')[0]}" if verdict["obstacle"] else "")
    if case.says and case.says not in report:
        return "wrong", f"{shown}; the report does not say so"
    # A contender that failed may not pass for one that is not worse.
    if word == "failed" and code != 1:
        return "wrong", f"{shown}; exit code {code}"
    if word in case.right:
        return "right", shown
    disturbed = "were disturbed" in (verdict["obstacle"] or "")
    return ("refused" if word in REFUSED and (disturbed or not case.strict) else "wrong"), shown


def run(bakeoff: str, case: Case, seed: int = 1):
    """The verdict on the contender `new`, the exit code, and the report as text."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), case, seed)
        command = [bakeoff, "compare", "bakeoff.toml", "--json", "e.json", "--html", "r.html", "--fail-if-worse", "50%"]
        neighbour = subprocess.Popen([sys.executable, "-c", NEIGHBOUR, burner(folder)])
        try:
            ended = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        finally:
            neighbour.kill()
            neighbour.wait()
        record = Path(folder, "e.json")
        if not record.exists():
            sys.exit(f"{case.name}: {ended.stderr}")
        results = json.loads(record.read_text())["derived"]["results"]
        report = " ".join(ended.stdout.split())
    verdict = next(result["verdict"] for result in results if result["contender"] == "new")
    return verdict, ended.returncode, report


def burner(folder: str) -> str:
    """The pipe by which a contender wakes the neighbour, who is not of its family."""
    return str(Path(folder, "burner"))


def write(folder: Path, case: Case, seed: int) -> None:
    os.mkfifo(burner(folder))
    scenario = f"name = {json.dumps(case.name)}\n[load]\nusers = {case.users}\nspawn_rate = 100\nrun_time = \"1s\"\n[[task]]\nname = \"/\"\n"
    if case.rows:
        rows = "".join(f'{{"row": {row}}}\n' for row in range(case.rows))
        (folder / "rows.jsonl").write_text(rows)
        scenario += f'path = "/${{row}}"\ndata = {{ file = "rows.jsonl", order = "{case.order}" }}\n'
    else:
        scenario += 'path = "/"\n'
    (folder / "scenario.toml").write_text(scenario + 'timeout = "5s"\n')
    text = f'scenario = "scenario.toml"\nblocks = {case.blocks}\nmeasure = "400ms"\nwarm_up = "100ms"\nbaseline = "old"\n' \
           f"control = false\nseed = {seed}\n{case.head}\n"
    for name, words in [("new", case.new), ("old", case.old)]:
        words = words.replace("LOCK", str(folder / "lock")).replace("BURNER", burner(folder)).split() + [f"count={folder / name}"]
        command = [sys.executable, str((HERE / "truth_server.py").resolve()), "{port}", *words]
        text += f"\n[[contender]]\nname = {json.dumps(name)}\nprocess = {json.dumps(command)}\n"
    (folder / "bakeoff.toml").write_text(text)


if __name__ == "__main__":
    main()
