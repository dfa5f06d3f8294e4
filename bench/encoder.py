"""Times the encoder against other engines on the same weights: `make bench-encoder`.

All engines take turns, shape by shape and round by round, so that whatever else the machine does hits all of them alike.
Printed are medians, as milliseconds a sequence and as tokens a second, and how much of its peak the machine reaches.
"""

import argparse
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODEL = ROOT / "models/minilm-squad"

# By name: the lengths of the sequences of a batch.
SHAPES = {
    "1x16": [16],
    "1x77": [77],
    "1x128": [128],
    "1x384": [384],
    "8x77": [77] * 8,
    "8x128": [128] * 8,
    "32 mixed": [12 + (37 * index) % 180 for index in range(32)],
}

# Passes of a turn before those that are timed, and those.
WARM_UPS = 5
TIMED = 5


class Engine:
    """An engine in a process of its own, which reads lengths and says how long they took.

    It is stopped while it is not its turn: threads that look for work long after there was any would take a core from the next.
    """

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.seconds(SHAPES["1x16"])
        self.process.send_signal(signal.SIGSTOP)

    def time(self, lengths):
        self.process.send_signal(signal.SIGCONT)
        # To bring its weights into the caches and its threads to work, as in a server that does nothing else.
        for _ in range(WARM_UPS):
            self.seconds(lengths)
        seconds = [self.seconds(lengths) for _ in range(TIMED)]
        self.process.send_signal(signal.SIGSTOP)
        return seconds

    def end(self):
        self.process.kill()
        self.process.wait()

    def seconds(self, lengths):
        self.process.stdin.write(",".join(map(str, lengths)) + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


class Ort:
    """ONNX Runtime from PyPI; batches of different lengths are padded, as its users do."""

    def __init__(self, graph, threads):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])

    def time(self, lengths):
        ids, mask = padded(lengths)
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        start = time.perf_counter()
        self.session.run(["start_logits", "end_logits"], inputs)
        return time.perf_counter() - start


class Torch:
    """torch's own fused encoder layers with made-up weights of the model's sizes; it takes as long with any weights."""

    def __init__(self, dtype, threads):
        import torch

        torch.set_num_threads(threads)
        dtype = getattr(torch, dtype)
        self.torch = torch
        layer = torch.nn.TransformerEncoderLayer(
            384, 12, 1536, dropout=0.0, activation="gelu", layer_norm_eps=1e-12, batch_first=True
        )
        self.words = torch.nn.Embedding(30522, 384).to(dtype).eval()
        self.encoder = torch.nn.TransformerEncoder(layer, 6, enable_nested_tensor=False).to(dtype).eval()
        self.head = torch.nn.Linear(384, 2).to(dtype).eval()

    def time(self, lengths):
        ids, mask = padded(lengths)
        ids, mask = self.torch.from_numpy(ids), self.torch.from_numpy(mask) == 0
        mask = mask if len(set(lengths)) > 1 else None
        with self.torch.inference_mode():
            start = time.perf_counter()
            self.head(self.encoder(self.words(ids), src_key_padding_mask=mask))
            return time.perf_counter() - start


def padded(lengths):
    ids = np.zeros((len(lengths), max(lengths)), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, length in enumerate(lengths):
        ids[row, :length] = 1000 + np.arange(length) * 7919 % 20_000
        mask[row, :length] = 1
    return ids, mask


def engines(arguments, folder):
    threads = str(arguments.threads)
    for dtype in ["int8", "bf16", "f32"]:
        yield f"bakeoff {dtype}", Engine([arguments.encoder, MODEL, dtype, threads])
    if arguments.rten:
        yield "rten int8, 1 thread", Engine([arguments.rten, arguments.onnx])
    # The graph of the tests takes its weights from the safetensors file under this name.
    shutil.copy(ROOT / "crates/qa/tests/fp32/model.onnx", folder)
    shutil.copy(MODEL / "model.safetensors", folder / "model.onnx_data")
    others = {"onnxruntime int8": arguments.onnx, "onnxruntime fp32": folder / "model.onnx"}
    if arguments.torch:
        others |= {"torch fp32": "float32", "torch bf16": "bfloat16"}
    for name, what in others.items():
        yield name, Engine([sys.executable, __file__, "--serve", name.split()[0], what, threads])


def serve(engine, what, threads):
    """What the process of one engine does."""
    run = {"onnxruntime": Ort, "torch": Torch}[engine](what, int(threads))
    for line in sys.stdin:
        print(run.time([int(length) for length in line.split(",")]), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", required=True, help="the encoder's example `forward`")
    parser.add_argument("--peak", required=True, help="the encoder's example `peak`")
    parser.add_argument("--rten", help="the example `forward_onnx` of crates/qa")
    parser.add_argument("--onnx", required=True, help="the int8 graph of the bundled model")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--torch", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        contenders = {}
        try:
            contenders.update(engines(arguments, pathlib.Path(folder)))
            measure(arguments, contenders)
        finally:
            for engine in contenders.values():
                engine.end()
    print_peak(subprocess.run([arguments.peak], capture_output=True, text=True, check=True).stdout)


def measure(arguments, contenders):
    shapes = {name: SHAPES[name] for name in arguments.shapes}
    times = {(engine, shape): [] for engine in contenders for shape in shapes}
    for index in range(arguments.rounds + 2):
        for shape, lengths in shapes.items():
            for name, engine in contenders.items():
                seconds = engine.time(lengths)
                if index >= 2:
                    times[name, shape] += seconds
    print_times(times, contenders, shapes)


def print_times(times, contenders, shapes):
    for what, of in [("median", statistics.median), ("least", min)]:
        print(f"\n| {what}: ms a sequence, tokens/s | " + " | ".join(shapes) + " |")
        print("| --- |" + " ---: |" * len(shapes))
        seconds = {key: of(values) for key, values in times.items()}
        for name in contenders:
            cells = []
            for shape, lengths in shapes.items():
                took = seconds[name, shape]
                cells.append(f"{1e3 * took / len(lengths):.2f}, {sum(lengths) / took:,.0f}")
            print(f"| {name} | " + " | ".join(cells) + " |")
        for own, other in [("bakeoff int8", "onnxruntime int8"), ("bakeoff f32", "onnxruntime fp32")]:
            ratios = [f"{seconds[other, shape] / seconds[own, shape]:.2f}" for shape in shapes]
            print(f"| times as fast: {own}, {other} | " + " | ".join(ratios) + " |")


def print_peak(lines):
    """What one thread multiplies and adds at most, and what the linear layers reach of it."""
    rates = {name: float(rate) for name, rate in (line.split() for line in lines.splitlines())}
    print("\n| one thread | G multiply-adds/s | of the peak |\n| --- | ---: | ---: |")
    for name, rate in rates.items():
        peak = rates.get("peak-" + name.split("-")[0])
        print(f"| {name} | {rate:.0f} | " + (f"{rate / peak:.0%}" if peak else "") + " |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(*sys.argv[2:])
    else:
        main()
