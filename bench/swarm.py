#!/usr/bin/env python3
"""Measures how many requests a second one core can make: Bakeoff, Locust's two clients, wrk, and oha where it is installed.

nginx gives a fixed answer on one core, the generator has another, and generators take turns. Then Bakeoff alone: how late
it is at planned times, and what memory many users and many requests take. Needs nginx, taskset and wrk (Debian:
nginx-light, util-linux, wrk); oha comes with `cargo install oha --locked`; Locust goes into a throw-away environment under
target/bench. Prints a Markdown table; says what it does on stderr.
"""

import argparse
import contextlib
import json
import os
import platform
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT / "bench"
TARGET = ROOT / "target" / "bench"
USERS = 70
MANY_USERS = 10_000
MANY_REQUESTS = 10_000_000
BASELINE = "Locust HttpUser"

NGINX = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
events {{ worker_connections 16384; }}
worker_rlimit_nofile 20000;
http {{
    access_log off;
    keepalive_requests 1000000000;
    default_type application/json;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ return 200 '{{"score":0.97,"start":0,"end":6,"answer":"Berlin"}}'; }}
    }}
}}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rounds", type=int, default=3, metavar="N", help="turns of each generator (default: %(default)s)"
    )
    parser.add_argument("--seconds", type=int, default=10, metavar="N", help="length of a turn (default: %(default)s)")
    parser.add_argument("--bakeoff", type=Path, metavar="FILE", help="the binary; without it, it is built")
    arguments = parser.parse_args()
    for tool in ("nginx", "taskset", "wrk"):
        if not shutil.which(tool):
            sys.exit(f"error: {tool} is missing; on Debian: apt-get install nginx-light util-linux wrk")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("error: two cores are needed, one for nginx and one for the generator")
    bakeoff, locust = arguments.bakeoff or build_bakeoff(), install_locust()
    pinned = ["taskset", "-c", str(cores[1])]
    with nginx(cores[0]) as url:
        generators = commands(url, arguments.seconds, bakeoff, locust)
        rounds = []
        for number in range(arguments.rounds):
            rounds.append({})
            for name, (command, read) in generators.items():
                say(f"round {number + 1} of {arguments.rounds}: {name}")
                before = cpu_seconds()
                rate, lag_ms = read(output([*pinned, *command], arguments.seconds + 60))
                cpu = cpu_seconds() - before
                rounds[-1][name] = Turn(rate, cpu / (rate * arguments.seconds) * 1e6, lag_ms)
        half = statistics.median(done["bakeoff swarm"].rate for done in rounds) / 2
        say("bakeoff swarm with arrivals at half its rate")
        arrivals = [*swarm(bakeoff, url, arguments.seconds), "--arrival-rate", f"{half:.0f}"]
        record = json.loads(output([*pinned, *arrivals], arguments.seconds + 60))
        say(f"bakeoff swarm with {MANY_USERS:,} users")
        crowd = [*swarm(bakeoff, url, arguments.seconds), "-u", str(MANY_USERS), "-r", str(MANY_USERS)]
        memory_of_users = memory_mb([*pinned, *crowd])
        say(f"bakeoff swarm with {MANY_REQUESTS:,} requests")
        many = [*swarm(bakeoff, url, 3600), "-u", str(USERS), "-r", "1000", "-i", str(MANY_REQUESTS)]
        memory_of_requests = memory_mb([*pinned, *many])
    print_table(list(generators), rounds, arguments.seconds)
    print_arrivals(record)
    print_memory(memory_of_users, memory_of_requests)


@dataclass
class Turn:
    """What one generator did in one round."""

    rate: float
    """Requests per second"""
    cpu_us: float
    """CPU time of the generator per request, its start included"""
    lag_ms: float | None
    """99 % of its requests were no later than this, by its own account"""


def build_bakeoff() -> Path:
    say("building Bakeoff")
    command = "cargo build --release --locked --package bakeoff --message-format json-render-diagnostics"
    messages = subprocess.run(command.split(), cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    built = [json.loads(line).get("executable") for line in messages.splitlines()]
    return Path(next(path for path in built if path))


def install_locust() -> Path:
    """Locust's command in an environment of its own, made anew when the pinned version changes."""
    folder, wanted = TARGET / "locust", (BENCH / "requirements.txt").read_text()
    stamp = folder / "requirements.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        say("installing Locust")
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([folder / "bin" / "pip", "install", "--quiet", "-r", BENCH / "requirements.txt"], check=True)
        stamp.write_text(wanted)
    return folder / "bin" / "locust"


@contextlib.contextmanager
def nginx(core: int):
    """The address of a server with one worker on `core`; it runs as nobody, or as whoever runs this."""
    with tempfile.TemporaryDirectory() as folder:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        config = Path(folder) / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, port=port))
        identity = {}
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody", "nogroup")
            identity = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        command = ["taskset", "-c", str(core), "nginx", "-e", f"{folder}/error.log", "-p", folder, "-c", config]
        server = subprocess.Popen(command, **identity)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(url, server)
            yield url
        finally:
            server.terminate()
            server.wait(10)


def wait_until_ready(url: str, server: subprocess.Popen) -> None:
    for _ in range(100):
        if server.poll() is not None:
            sys.exit("error: nginx ended before its first answer; its message is above")
        with contextlib.suppress(OSError), urllib.request.urlopen(url):
            return
        time.sleep(0.1)
    sys.exit("error: nginx gave no answer within ten seconds")


def commands(url: str, seconds: int, bakeoff: Path, locust: Path) -> dict:
    """By name: the command line of a generator, and what reads (requests/s, p99 of its own lag in ms) from its output."""
    load = ["--headless", "-u", str(USERS), "-r", "1000", "-t", f"{seconds}s", "-H", url]
    locust_load = [locust, "-f", BENCH / "locustfile.py", *load, "--only-summary", "--skip-log", "--json"]
    generators = {
        BASELINE: ([*locust_load, "Http"], read_locust),
        "Locust FastHttpUser": ([*locust_load, "FastHttp"], read_locust),
        "bakeoff swarm": ([*swarm(bakeoff, url, seconds), "-u", str(USERS), "-r", "1000"], read_bakeoff),
        "wrk": (["wrk", "-t1", f"-c{USERS}", f"-d{seconds}s", url], read_summary),
    }
    if shutil.which("oha"):
        generators["oha"] = (["oha", "--no-tui", "-c", str(USERS), "-z", f"{seconds}s", url], read_summary)
    return generators


def swarm(bakeoff: Path, url: str, seconds: int) -> list:
    """Bakeoff's command line but for what makes the load; its record goes to stdout."""
    scenario = ["-f", BENCH / "fixed-answer.toml", "-H", url, "-t", f"{seconds}s"]
    return [bakeoff, "swarm", "--headless", *scenario, "--quiet", "--record", "/dev/stdout"]


def output(command: list, limit_seconds: int) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=limit_seconds)
    if done.returncode != 0:
        sys.exit(f"error: {' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def cpu_seconds() -> float:
    """Of all processes that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def memory_mb(command: list) -> list[float]:
    """The resident memory of a load, at each second of it."""
    load = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    seen = []
    with ThreadPoolExecutor() as pool:
        record = pool.submit(load.stdout.read)
        while load.poll() is None:
            with contextlib.suppress(OSError, IndexError):
                status = Path(f"/proc/{load.pid}/status").read_text()
                seen.append(int(re.search(r"VmRSS:\s*(\d+)", status)[1]) / 1024)
            time.sleep(1)
        total = json.loads(record.result())["summary"]["total"]
    if total["failures"]:
        sys.exit(f"error: {total['failures']} of {total['requests']} requests of Bakeoff failed")
    return seen


def read_locust(text: str) -> tuple[float, float | None]:
    (row,) = json.loads(text)
    if row["num_failures"]:
        sys.exit(f"error: {row['num_failures']} requests of Locust failed")
    return row["num_requests"] / (row["last_request_timestamp"] - row["start_time"]), None


def read_bakeoff(text: str) -> tuple[float, float | None]:
    summary = json.loads(text)["summary"]
    if summary["total"]["failures"]:
        sys.exit(f"error: {summary['total']['failures']} requests of Bakeoff failed: {summary['failures']}")
    return summary["total"]["requests_per_second"], summary["lag_p99_ms"]


def read_summary(text: str) -> tuple[float, float | None]:
    return float(re.search(r"Requests/sec:\s*([\d.]+)", text)[1]), None


def print_table(names: list[str], rounds: list[dict], seconds: int) -> None:
    print(
        "| generator on one core | requests/s (median) | lowest to highest | times Locust's HttpUser "
        "| CPU time per request | own lag, p99 |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name in names:
        turns = [done[name] for done in rounds]
        rates = [turn.rate for turn in turns]
        ratio = statistics.median(done[name].rate / done[BASELINE].rate for done in rounds)
        cpu_us = statistics.median(turn.cpu_us for turn in turns)
        lags = [turn.lag_ms for turn in turns if turn.lag_ms is not None]
        lag = f"{statistics.median(lags):.2f} ms" if lags else "not told"
        print(
            f"| {name} | {statistics.median(rates):,.0f} | {min(rates):,.0f} to {max(rates):,.0f} | {ratio:.1f} "
            f"| {cpu_us:,.1f} µs | {lag} |"
        )
    print(f"\n{USERS} users without think time, {len(rounds)} rounds of {seconds} s, {machine()}.")


def print_arrivals(record: dict) -> None:
    """How late Bakeoff is itself when it has to keep to planned times."""
    arrivals, summary = record["measurement"]["arrivals"], record["summary"]
    rate = arrivals["planned"] / record["measurement"]["period_ms"] * 1000
    print(
        f"\nbakeoff swarm with {rate:,.0f} planned arrivals/s, half its rate: own lag p99 {summary['lag_p99_ms']:.2f} ms, "
        f"{arrivals['not_sent']} of {arrivals['planned']:,} arrivals not sent."
    )


def print_memory(of_users: list[float], of_requests: list[float]) -> None:
    early, late = of_requests[len(of_requests) // 10], of_requests[-1]
    print(
        f"\nbakeoff swarm with {MANY_USERS:,} users without think time: {max(of_users):.0f} MB at most. "
        f"With {USERS} users and {MANY_REQUESTS:,} requests: {early:.1f} MB after a tenth of them, {late:.1f} MB at the end."
    )


def machine() -> str:
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    cores = len(os.sched_getaffinity(0))
    return f"{model[1] if model else platform.machine()}, {cores} cores, Linux {platform.release()}, Python {platform.python_version()}"


def say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
