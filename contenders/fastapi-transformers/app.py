"""Extractive question answering as it is usually served: FastAPI around transformers' pipeline.

    uvicorn app:app --port 8000

BAKEOFF_MODEL names the model folder; without it, the bundled model is served.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Lock

# The model is a local folder, so no request goes to the hub.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field
from transformers import Pipeline, pipeline

BUNDLED_MODEL = Path(__file__).parent / "../../models/minilm-squad"

# One call at a time: the pipeline sets truncation on its tokenizer in every call, and a tokenizer that changes while
# another thread reads it raises "Already borrowed". torch uses all cores for each call. One single-threaded pipeline per
# core would answer about 1.4 times as many requests, but services are usually written like this one.
pipeline_in_use = Lock()
answerer: Pipeline


class Question(BaseModel):
    """A question, the text that holds the answer, and the pipeline's parameters with its defaults."""

    question: str = Field(min_length=1)
    context: str = Field(min_length=1)
    top_k: int | None = Field(None, ge=1)
    doc_stride: int | None = Field(None, ge=0)
    max_answer_len: int | None = Field(None, ge=1)
    max_seq_len: int | None = Field(None, ge=1, le=512)
    max_question_len: int | None = Field(None, ge=1)
    handle_impossible_answer: bool | None = None
    align_to_words: bool | None = None


class Answer(BaseModel):
    """A span of the context; `start` and `end` count its characters."""

    score: float
    start: int
    end: int
    answer: str


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    global answerer
    # The weights are stored as float16, which is slow on a CPU and makes scores coarse.
    model = str(Path(os.environ.get("BAKEOFF_MODEL", BUNDLED_MODEL)).resolve())
    answerer = pipeline("question-answering", model=model, dtype=torch.float32, device="cpu")
    yield


app = FastAPI(title="Question answering", lifespan=lifespan)


@app.post("/question_answering")
def question_answering(question: Question) -> Answer | list[Answer]:
    try:
        with pipeline_in_use:
            return answerer(**question.model_dump(exclude_none=True))
    except ValueError as error:
        raise HTTPException(422, str(error)) from error


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}
