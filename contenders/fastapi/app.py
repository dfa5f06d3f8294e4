"""Extractive question answering behind FastAPI: ONNX Runtime, Hugging Face tokenizers and numpy, without torch.

`POST /question_answering` takes the parameters of transformers' question-answering pipeline and gives its answers
(version 4.57): windows with overlap, masked softmax, whole words, equal texts merged.

    uvicorn app:app --port 8000

BAKEOFF_MODEL names the folder with model.onnx, tokenizer.json and config.json; without it, the bundled model is served, whose
graph quantize.py has put beside this file.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

# ONNX Runtime reports its use to its makers unless this is set before it is loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import anyio.to_thread
import numpy as np
import onnxruntime
from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field
from tokenizers import Encoding, Tokenizer

BUNDLED_MODEL = Path(__file__).parent / "../../models/minilm-squad"
CORES = len(os.sched_getaffinity(0))


class Question(BaseModel):
    """A question, the text that holds the answer, and the pipeline's parameters with its defaults."""

    question: str = Field(min_length=1)
    context: str = Field(min_length=1)
    top_k: int = Field(1, ge=1)
    doc_stride: int | None = Field(None, ge=0, description="Tokens that neighbouring windows share")
    max_answer_len: int = Field(15, ge=1, description="Longest answer in tokens")
    max_seq_len: int = Field(384, ge=1, le=512, description="Longest window in tokens, with the question")
    max_question_len: int = Field(64, ge=1, description="Without effect, as with every fast tokenizer")
    handle_impossible_answer: bool = False
    align_to_words: bool = True


class Answer(BaseModel):
    """A span of the context; `start` and `end` count its characters."""

    score: float
    start: int
    end: int
    answer: str


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.answerer = Answerer(Path(os.environ.get("BAKEOFF_MODEL", BUNDLED_MODEL)))
    # One question per core at a time, each on one thread of ONNX Runtime. Measured with 70 users on two shared cores, in
    # requests/s: 58 and 59 like this; 24 to 33 with two threads per question; 20 to 43 with one question at a time on two
    # threads; 57 and 59 with 40 questions at a time; 60 and 61 with two processes of one thread and twice the memory.
    anyio.to_thread.current_default_thread_limiter().total_tokens = CORES
    yield


app = FastAPI(title="Question answering", lifespan=lifespan)


@app.post("/question_answering")
async def question_answering(question: Question, request: Request) -> Answer | list[Answer]:
    try:
        answers = await run_in_threadpool(request.app.state.answerer.answer, question)
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    return answers[0] if len(answers) == 1 else answers


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@dataclass
class Window:
    """The question and as much of the context as the model reads at once."""

    ids: np.ndarray
    """[CLS] question [SEP] part of the context [SEP]"""
    first: int
    """Index in `ids` of the first context token"""
    begin: int
    """The first context token in this window"""
    end: int
    """Index after the last context token in this window"""


class Answerer:
    """One model, shared by all threads: neither the session nor the tokenizer changes after loading."""

    def __init__(self, folder: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(graph(folder), options, providers=["CPUExecutionProvider"])
        # Truncation is done in `windows`: setting it per request would write to a tokenizer that other threads read.
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.cls = self.tokenizer.token_to_id("[CLS]")
        self.sep = self.tokenizer.token_to_id("[SEP]")

    def answer(self, question: Question) -> list[Answer]:
        """The best answers, best first; fewer than `top_k` if the context has no more.

        Raises ValueError if the question leaves no room for the context.
        """
        context = self.tokenizer.encode(question.context, add_special_tokens=False)
        answers: list[Answer] = []
        lowest_null_score = np.float32(1e6)
        for window in self.windows(question, context):
            start, end = self.probabilities(window)
            lowest_null_score = min(lowest_null_score, start[0] * end[0])
            start, end = (p[window.first : window.first + window.end - window.begin] for p in (start, end))
            wanted = 2 * question.top_k + 10 if question.align_to_words else question.top_k
            for first, last, score in best_spans(start, end, wanted, question.max_answer_len):
                begin, stop = characters(context, window, first, last, question.align_to_words)
                merge(answers, Answer(score=score, start=begin, end=stop, answer=question.context[begin:stop]))
        if not answers:
            # The pipeline's answer for a context without tokens.
            answers.append(Answer(score=0, start=0, end=0, answer=""))
        if question.handle_impossible_answer:
            answers.append(Answer(score=float(lowest_null_score), start=0, end=0, answer=""))
        return sorted(answers, key=lambda answer: -answer.score)[: question.top_k]

    def windows(self, question: Question, context: Encoding) -> list[Window]:
        asked = self.tokenizer.encode(question.question, add_special_tokens=False).ids
        stride = min(question.max_seq_len // 2, 128) if question.doc_stride is None else question.doc_stride
        if stride > question.max_seq_len:
            raise ValueError(f"doc_stride ({stride}) is larger than max_seq_len ({question.max_seq_len})")
        room = question.max_seq_len - 3 - len(asked)
        if room <= stride and len(context) > room:
            raise ValueError(
                f"question has {len(asked)} tokens, which leaves {max(room, 0)} of {question.max_seq_len} for the context;"
                f" windows that share {stride} need more than {stride}"
            )
        windows, begin = [], 0
        while True:
            end = min(begin + room, len(context))
            ids = np.array([self.cls, *asked, self.sep, *context.ids[begin:end], self.sep])
            windows.append(Window(ids, first=len(asked) + 2, begin=begin, end=end))
            if end == len(context):
                return windows
            begin += room - stride

    def probabilities(self, window: Window) -> list[np.ndarray]:
        """Probability of an answer's start and end, for every token."""
        token_types = np.zeros_like(window.ids)
        token_types[window.first :] = 1
        # One window at a time without padding: padding is wasted work. Activations are quantised over the whole input, so
        # in a batch an answer would depend on the other windows.
        logits = self.session.run(
            ["start_logits", "end_logits"],
            {
                "input_ids": window.ids[None],
                "attention_mask": np.ones_like(window.ids)[None],
                "token_type_ids": token_types[None],
            },
        )
        # [CLS] stands for "no answer here" and keeps its share of the probability.
        allowed = window.ids == self.cls
        allowed[window.first : -1] = True
        return [softmax(np.where(allowed, row[0], np.float32(-10_000))) for row in logits]


def graph(folder: Path) -> Path:
    """Path of the graph in the model folder, or of the quantised graph of the bundled model."""
    own = folder / "model.onnx"
    return own if own.exists() else Path(__file__).parent / "model.onnx"


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max())
    return exponentials / exponentials.sum()


def best_spans(start: np.ndarray, end: np.ndarray, wanted: int, max_answer_len: int) -> list[tuple[int, int, float]]:
    """The `wanted` most probable spans as (first token, last token, score), best first.

    A row holds the spans that start at one token, so only the band of allowed lengths is ever computed.
    Spans of no probability are left out.
    """
    length = min(max_answer_len, len(end))
    if length == 0:
        return []
    padded = np.concatenate([end, np.zeros(length - 1, end.dtype)])
    scores = (start[:, None] * np.lib.stride_tricks.sliding_window_view(padded, length)).ravel()
    best = np.argpartition(-scores, wanted)[:wanted] if wanted < len(scores) else np.arange(len(scores))
    best = best[np.argsort(-scores[best], kind="stable")]
    return [
        (int(index) // length, int(index) // length + int(index) % length, float(scores[index]))
        for index in best
        if scores[index] > 0
    ]


def characters(context: Encoding, window: Window, first: int, last: int, whole_words: bool) -> tuple[int, int]:
    """Where in the context a span of a window's tokens starts and ends, widened to words as far as the window shows them."""
    first, last = window.begin + first, window.begin + last
    word = context.token_to_word
    if whole_words:
        while first > window.begin and word(first - 1) == word(first):
            first -= 1
        while last + 1 < window.end and word(last + 1) == word(last):
            last += 1
    return context.token_to_chars(first)[0], context.token_to_chars(last)[1]


def merge(answers: list[Answer], new: Answer) -> None:
    """Adds an answer, or only its score if the same text was found before."""
    for known in answers:
        if known.answer.lower() == new.answer.lower():
            known.score += new.score
            return
    answers.append(new)
