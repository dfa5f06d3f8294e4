#!/usr/bin/env python3
"""Offers Bakeoff and FastAPI up to three times what they can do, and shows what each makes of it.

In each round each server takes its turn: its service time with one user, its capacity with many, then 0.5 to 3 times that
capacity offered: requests that arrive at random, whatever became of those before, timed from when they were due. Half of
the cores are the server's, the others the load generator's, so that making more load takes nothing from the server.
Needs taskset (util-linux), two cores, and the environment that `cargo run --release -- compare --only fastapi` makes.
Prints a Markdown table and the verdict; says what it does on stderr.
"""

import argparse
import base64
import contextlib
import json
import math
import os
import platform
import re
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FASTAPI = ROOT / "contenders" / "fastapi"
DATA = ROOT / "scenarios" / "squad-sample.jsonl"

FACTORS = (0.5, 1.0, 1.5, 2.0, 3.0)
QUICK_FACTORS = (1.0, 2.0)
MAX_QUEUE_DELAY_SECONDS = 1
# Requests without an answer at which further ones are not sent.
MAX_IN_FLIGHT = 5000
# Seconds at the beginning of a load that are not counted: queues fill.
SETTLING_SECONDS = 3
CORES = sorted(os.sched_getaffinity(0))
USERS_FOR_CAPACITY = 70
GOAL_SHARE = 0.95
# Below this part of the plan, the load was not the one planned.
OFFERED_AS_PLANNED = 0.95

SCENARIO = """
name = "overload"
[load]
run_time = "{seconds}s"
{load}
[[task]]
name = "/question_answering"
method = "POST"
path = "/question_answering"
json = {{ question = "${{question}}", context = "${{context}}" }}
data = {{ file = {data}, order = "shuffled" }}
check = [{{ status = 200 }}, {{ json = "/answer", kind = "string" }}]
timeout = "30s"
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="turns of each server (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=10, metavar="N", help="measured time of each load (default: %(default)s)")
    parser.add_argument("--bakeoff", type=Path, metavar="FILE", help="the binary; without it, it is built")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="one round of short loads at one and two times the capacity: shows that the bench works more than how fast anything is",
    )
    arguments = parser.parse_args()
    factors = FACTORS
    if arguments.quick:
        arguments.rounds, arguments.seconds, factors = 1, 4, QUICK_FACTORS
    if len(CORES) < 2 or not shutil.which("taskset"):
        sys.exit("error: taskset and two cores are needed, one for the server and one for the load generator")
    if not (FASTAPI / ".venv/bin/uvicorn").is_file():
        sys.exit("error: FastAPI's environment is missing; make it with `cargo run --release -- compare --only fastapi`")
    seconds = arguments.seconds
    bakeoff = (arguments.bakeoff or build_bakeoff()).resolve()
    servers = {
        "bakeoff": [bakeoff, "serve", "--port", "0", "--max-queue-delay", f"{MAX_QUEUE_DELAY_SECONDS}s"],
        "fastapi": [FASTAPI / ".venv/bin/uvicorn", "app:app", "--port", "0", "--no-access-log"],
    }
    rounds = {name: [] for name in servers}
    for number in range(arguments.rounds):
        for name, command in servers.items():
            say(f"round {number + 1} of {arguments.rounds}: {name}")
            rounds[name].append(take_turn(bakeoff, command, seconds, factors))
    for name, turns in rounds.items():
        print_table(name, turns)
    print(
        f"{arguments.rounds} rounds, median (lowest to highest), {seconds} s a load, paragraphs from SQuAD; "
        f"{machine()}, half of them the server's and half the load generator's.\n"
    )
    print_verdict(rounds["bakeoff"])


@dataclass
class Load:
    """What came of one load, counted in its measured seconds; times in ms."""

    planned_rate: float = math.nan
    sent_rate: float = math.nan
    seconds: int = 0
    completed: int = 0
    failures: int = 0
    causes: Counter = field(default_factory=Counter)
    times_us: Counter = field(default_factory=Counter)
    """How often each response time of a successful request occurred"""

    @property
    def goodput(self) -> float:
        return (self.completed - self.failures) / self.seconds

    @property
    def refused_rate(self) -> float:
        """The failures of the measured seconds, shared out as all failures of the run."""
        refused = sum(count for cause, count in self.causes.items() if "429" in cause)
        return self.failures / self.seconds * refused / max(1, self.causes.total())

    @property
    def failed_rate(self) -> float:
        return self.failures / self.seconds - self.refused_rate

    def percentile_ms(self, percent: float) -> float:
        rank, seen = math.ceil(percent / 100 * self.times_us.total()), 0
        for value, count in sorted(self.times_us.items()):
            seen += count
            if seen >= rank:
                return value / 1000
        return math.nan


@dataclass
class Turn:
    """What one server did in one round."""

    alone: Load
    capacity: Load
    offered: dict[float, Load]

    @property
    def peak(self) -> float:
        return max(load.goodput for load in [self.capacity, *self.offered.values()])

    @property
    def service_ms(self) -> float:
        """What one request takes that waits for nothing, but for the slowest in a hundred."""
        return self.alone.percentile_ms(99)


def take_turn(bakeoff: Path, command: list, seconds: int, factors: tuple) -> Turn:
    with server(command) as url:
        alone = closed_load(bakeoff, url, 1, seconds)
        capacity = closed_load(bakeoff, url, USERS_FOR_CAPACITY, seconds)
    # A slow machine may refuse some of so many users; what it answers is its capacity all the same.
    broken = any("429" not in cause for cause in capacity.causes)
    if broken or not capacity.goodput or not alone.completed:
        sys.exit(f"error: capacity cannot be measured: {capacity.causes} {alone.causes}")
    offered = {}
    for factor in factors:
        # A server of its own, so that what one load left in a queue is not the next one's burden.
        with server(command) as url:
            offered[factor] = open_load(bakeoff, url, factor * capacity.goodput, seconds)
        load = offered[factor]
        say(f"  {factor:g} x {capacity.goodput:.0f}/s: goodput {load.goodput:.0f}/s, sent {load.sent_rate:.0f}/s")
    return Turn(alone, capacity, offered)


def closed_load(bakeoff: Path, url: str, users: int, seconds: int) -> Load:
    """Users who ask as fast as they are answered; the first and the last second are not counted."""
    return run_generator(bakeoff, url, f"users = {users}\nspawn_rate = 1000", seconds + 2, range(1, seconds + 1))


def open_load(bakeoff: Path, url: str, rate: float, seconds: int) -> Load:
    """Arrivals at `rate` requests/s; the seconds in which queues fill are not counted."""
    counted = range(SETTLING_SECONDS, SETTLING_SECONDS + seconds)
    arrivals = f"arrival_rate = {rate}\nmax_in_flight = {MAX_IN_FLIGHT}"
    load = run_generator(bakeoff, url, arrivals, counted.stop, counted)
    load.planned_rate = rate
    return load


def run_generator(bakeoff: Path, url: str, load: str, run_seconds: int, counted: range) -> Load:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scenario.toml"
        path.write_text(SCENARIO.format(load=load, seconds=run_seconds, data=json.dumps(str(DATA))))
        command = [*pinned(CORES[len(CORES) // 2 :]), bakeoff, "swarm", "-f", path, "-H", url, "--headless", "--quiet", "--record", "/dev/stdout", "--threads", "1"]
        generator = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=run_seconds + 120)
        # 1 says that requests failed, which is what is looked for here.
        if generator.returncode not in (0, 1):
            sys.exit(f"error: bakeoff swarm ended with {generator.returncode}")
    measured = Load(seconds=len(counted))
    add_record(measured, json.loads(generator.stdout), counted)
    return measured


def add_record(load: Load, record: dict, counted: range) -> None:
    measurement = record["measurement"]
    for second in measurement["timeline"]:
        if round(second["since_start_ms"] / 1000) not in counted:
            continue
        load.completed += second["requests"]
        load.failures += second["failures"]
        load.times_us += histogram(second["response_times"]["hdr_v2_base64"])
    if arrivals := measurement.get("arrivals"):
        load.sent_rate = (arrivals["planned"] - arrivals["not_sent"]) / measurement["period_ms"] * 1000
    for cause in measurement["failures"]:
        load.causes[cause["cause"]] += cause["occurrences"]


def histogram(encoded: str) -> Counter:
    """How often each value occurs in an HdrHistogram (V2, without compression, from 1 up)."""
    values = Counter()
    if not encoded:
        return values
    data = base64.b64decode(encoded)
    _, length, _, digits, lowest, _, _ = struct.unpack(">iiiiqqd", data[:40])
    if lowest != 1:
        sys.exit("error: bakeoff swarm writes histograms that this bench does not read")
    half_bits = math.ceil(math.log2(2 * 10**digits)) - 1
    index, place = 0, 40
    while place < 40 + length:
        number, place = zigzag(data, place)
        if number < 0:
            index -= number
            continue
        bucket = max(0, (index >> half_bits) - 1)
        start = (index - (bucket << half_bits)) << bucket
        # The highest of the values that share this count.
        values[start + (1 << bucket) - 1] += number
        index += 1
    return values


def zigzag(data: bytes, place: int) -> tuple[int, int]:
    """A ZigZag LEB128 number, as HdrHistogram has it, and where the next begins."""
    number = shift = 0
    while True:
        byte = data[place]
        place += 1
        if shift == 56:
            number |= byte << shift
            break
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return (number >> 1) ^ -(number & 1), place


@contextlib.contextmanager
def server(command: list):
    """The address of a server that answers."""
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen([*pinned(CORES[: len(CORES) // 2]), *command], cwd=FASTAPI, stdout=subprocess.DEVNULL, stderr=log)
        try:
            url = announced_address(process, log)
            wait_for_answer(url, process)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def pinned(cores: list[int]) -> list[str]:
    return ["taskset", "-c", ",".join(map(str, cores))]


def announced_address(process: subprocess.Popen, log) -> str:
    """Both servers say on stderr where they listen."""
    for _ in range(600):
        log.seek(0)
        said = log.read()
        if found := re.search(r"http://127\.0\.0\.1:\d+", said):
            return found[0]
        if process.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit(f"error: {process.args[0]} did not say where it listens:\n{said}")


def wait_for_answer(url: str, process: subprocess.Popen) -> None:
    body = json.dumps({"question": "Who wrote it?", "context": "Ada Byron wrote it."}).encode()
    request = urllib.request.Request(f"{url}/question_answering", body, {"content-type": "application/json"})
    for _ in range(300):
        if process.poll() is not None:
            sys.exit(f"error: {process.args[0]} ended before its first answer")
        with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=30):
            return
        time.sleep(0.1)
    sys.exit(f"error: {process.args[0]} gave no answer within half a minute")


def build_bakeoff() -> Path:
    say("building Bakeoff")
    command = "cargo build --release --locked --package bakeoff --message-format json-render-diagnostics"
    messages = subprocess.run(command.split(), cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    built = [json.loads(line).get("executable") for line in messages.splitlines()]
    return Path(next(path for path in built if path))


def print_table(name: str, turns: list[Turn]) -> None:
    capacity, alone = [turn.capacity.goodput for turn in turns], [turn.service_ms for turn in turns]
    print(
        f"**{name}**: {spread(capacity)} requests/s with {USERS_FOR_CAPACITY} users without think time; "
        f"one user alone waits {spread(alone)} ms (99 %).\n"
    )
    print(
        "| times capacity | planned (requests/s) | offered (requests/s) | goodput (answers/s) | share of the peak (%) "
        "| median (ms) | 99 % (ms) | refused/s | failed/s |"
    )
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    short = []
    for factor in turns[0].offered:
        loads = [turn.offered[factor] for turn in turns]
        as_planned = [load.sent_rate / load.planned_rate for load in loads]
        if statistics.median(as_planned) < OFFERED_AS_PLANNED:
            short.append(f"{factor:g}")
        cells = [
            f"{factor:g}",
            spread(load.planned_rate for load in loads),
            spread(load.sent_rate for load in loads) + (" *" if short[-1:] == [f"{factor:g}"] else ""),
            spread(load.goodput for load in loads),
            spread(100 * turn.offered[factor].goodput / turn.peak for turn in turns),
            spread(load.percentile_ms(50) for load in loads),
            spread(load.percentile_ms(99) for load in loads),
            spread(load.refused_rate for load in loads),
            spread(load.failed_rate for load in loads),
        ]
        print("| " + " | ".join(cells) + " |")
    if short:
        print(
            f"\n\\* At {', '.join(short)} times the capacity, {MAX_IN_FLIGHT} requests waited for answers when another one was "
            "due, which was not sent: less was offered than planned."
        )
    print()


def print_verdict(turns: list[Turn]) -> None:
    """Whether the goals of `bakeoff serve` under overload are met, by the medians."""
    shares = [turn.offered[2.0].goodput / turn.peak for turn in turns]
    share = statistics.median(shares)
    print(
        f"- Goodput at twice the capacity: {100 * share:.1f} % of the peak "
        f"({100 * min(shares):.1f} to {100 * max(shares):.1f}), goal at least {100 * GOAL_SHARE:.0f} %: "
        f"{'met' if share >= GOAL_SHARE else 'missed'}."
    )
    slowest = [turn.offered[2.0].percentile_ms(99) for turn in turns]
    limit = MAX_QUEUE_DELAY_SECONDS * 1000 + statistics.median(turn.service_ms for turn in turns)
    met = statistics.median(slowest) <= limit
    print(
        f"- 99 % of the accepted requests at twice the capacity: within {spread(slowest)} ms, goal "
        f"max-queue-delay and one service time, {limit:,.0f} ms: {'met' if met else 'missed'}."
    )
    offered = statistics.median(turn.offered[2.0].sent_rate / turn.offered[2.0].planned_rate for turn in turns)
    if offered < OFFERED_AS_PLANNED:
        print(f"- Only {100 * offered:.0f} % of the planned load was offered: these verdicts are about less than twice.")


def spread(values) -> str:
    values = list(values)
    if any(math.isnan(value) for value in values):
        return "none"
    return f"{rounded(statistics.median(values))} ({rounded(min(values))} to {rounded(max(values))})"


def rounded(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:.1f}"


def machine() -> str:
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return f"{model[1] if model else platform.machine()}, {len(os.sched_getaffinity(0))} cores"


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
