#!/usr/bin/env python3
"""A server that behaves as its arguments say, for `bench/truth.py`.

bench/truth_server.py PORT [KEY=VALUE …]

    delay_ms=20         how long each answer takes
    jitter_ms=5         … and up to this much more, at random
    busy_ms=2           processor time that each answer takes
    other_ms=40         every second answer takes this long in place of delay_ms
    slower_ms=0.1       each answer takes this much longer than the one before
    body=TEXT           what it answers
    close=1             it closes the connection after each answer
    cache_ms=1          an answer to a path that was asked for before takes this long
    fail_ratio=0.03     this share of the answers has status 500 and takes no time
    lock=FILE           it holds this lock while it works
    freeze_after_ms=900 from this age on it answers nothing
    freeze_first=3      the first so many requests of the load are never answered
    exit_after_ms=300   at this age it ends
    stop_parent_ms=300  at the age of 500 ms it stops its parent, the load generator, for this long
    burn_ms=2500        at its start it wakes a process elsewhere that keeps a core busy for this long
    burner=FIFO         the pipe by which it wakes it
    turns=2,5,8         the last five, and freeze_after_ms, apply to these starts only, counted from 1 in the file `count`
    count=FILE
"""

import asyncio
import fcntl
import os
import random
import signal
import subprocess
import sys
import time

BEGAN = time.monotonic()
# Requests that show the contender to be correct come before the load.
CHECKS = 1


def main() -> None:
    port, *words = sys.argv[1:]
    asyncio.run(Server(dict(word.split("=", 1) for word in words)).run(int(port)))


class Server:
    def __init__(self, wishes: dict) -> None:
        self.wishes = wishes
        self.requests = 0
        self.seen = set()
        self.lock = open(wishes["lock"], "w") if "lock" in wishes else None
        turns = [int(turn) for turn in wishes.get("turns", "").split(",") if turn]
        self.misbehaves = not turns or self.count() in turns

    def count(self) -> int:
        """Which start this is."""
        path = self.wishes["count"]
        before = int(open(path).read()) if os.path.exists(path) else 0
        with open(path, "w") as file:
            file.write(str(before + 1))
        return before + 1

    def wish(self, name: str) -> float:
        return float(self.wishes.get(name, 0))

    def fault(self, name: str) -> float:
        """A wish that holds in some turns only."""
        return self.wish(name) if self.misbehaves else 0

    async def run(self, port: int) -> None:
        if self.fault("burn_ms"):
            burn(self.wishes["burner"], self.fault("burn_ms") / 1e3)
        loop = asyncio.get_running_loop()
        if self.fault("stop_parent_ms"):
            loop.call_later(0.5, stop_parent, self.fault("stop_parent_ms") / 1e3)
        if self.fault("exit_after_ms"):
            loop.call_later(self.fault("exit_after_ms") / 1e3, os._exit, 9)
        server = await asyncio.start_server(self.serve, "127.0.0.1", port, backlog=1024)
        async with server:
            await server.serve_forever()

    async def serve(self, reader, writer) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await self.answer(head.split(b" ", 2)[1], writer)
                if self.wish("close"):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, path: bytes, writer) -> None:
        self.requests += 1
        age_ms = (time.monotonic() - BEGAN) * 1e3
        frozen = 0 < self.fault("freeze_after_ms") < age_ms
        first = CHECKS < self.requests <= CHECKS + self.fault("freeze_first")
        if frozen or first:
            await asyncio.sleep(3600)
        status = b"200 OK"
        if random.random() < self.wish("fail_ratio"):
            status = b"500 Internal Server Error"
        else:
            await self.work(path)
        body = self.wishes.get("body", "hello").encode()
        close = b"connection: close\r\n" if self.wish("close") else b""
        writer.write(b"HTTP/1.1 %s\r\ncontent-length: %d\r\n%s\r\n%s" % (status, len(body), close, body))
        await writer.drain()

    async def work(self, path: bytes) -> None:
        delay = self.wish("delay_ms") + random.uniform(0, self.wish("jitter_ms"))
        if self.wish("other_ms") and self.requests % 2:
            delay = self.wish("other_ms")
        if self.wish("cache_ms") and path in self.seen:
            delay = self.wish("cache_ms")
        self.seen.add(path)
        delay += self.requests * self.wish("slower_ms")
        if self.lock:
            fcntl.flock(self.lock, fcntl.LOCK_EX)
            fcntl.flock(self.lock, fcntl.LOCK_UN)
        busy_until = time.thread_time() + self.wish("busy_ms") / 1e3
        while time.thread_time() < busy_until:
            pass
        if delay:
            await asyncio.sleep(delay / 1e3)


def stop_parent(seconds: float) -> None:
    """Stops the load generator as a busy or swapping machine would."""
    parent = os.getppid()
    subprocess.Popen(["sh", "-c", f"kill -STOP {parent}; sleep {seconds}; kill -CONT {parent}"])


def burn(burner: str, seconds: float) -> None:
    """Wakes a process that is no descendant of this contender."""
    with open(burner, "w") as pipe:
        pipe.write(f"{seconds}\n")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    main()
