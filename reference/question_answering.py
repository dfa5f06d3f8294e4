"""Writes the answers that `crates/qa` must give: crates/qa/tests/golden/question_answering.json.

The answers come from transformers' own question-answering pipeline. Its model is replaced by ONNX Runtime on the same
int8 graph that the crate runs, so that what is compared is the pipeline, and the arithmetic of two engines on one
graph, but not float16 weights with int8 ones. Short cases carry the logits as well: with those the crate must agree to
within float rounding, whatever engine runs the graph.

`reference/generate` runs it. `--data` is the development set of SQuAD 1.1
(https://rajpurkar.github.io/SQuAD-explorer/, CC BY-SA 4.0), plain or gzipped.
One paragraph of each of its articles is taken, with two or three questions.
"""

import argparse
import os
import pathlib

import numpy

# Set before the import, which starts it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime  # noqa: E402
import torch
import transformers
from transformers.modeling_outputs import QuestionAnsweringModelOutput

from cases import ATTRIBUTION, add_cases, awkward_cases, long_cases, squad_sample, to_json

# Cases with at most this many tokens over all windows carry their logits.
MAX_RECORDED_TOKENS = 110


def main():
    arguments = parse_arguments()
    graph = Graph(arguments.model, arguments.graph)
    contexts, cases = squad_sample(arguments.data)
    add_cases(long_cases(), contexts, cases)
    add_cases(awkward_cases(), contexts, cases)
    answered = [answer(graph, contexts, case) for case in cases]
    golden = {
        "transformers": transformers.__version__,
        "onnxruntime": onnxruntime.__version__,
        "attribution": ATTRIBUTION,
        "contexts": contexts,
        "cases": answered,
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(to_json(golden), encoding="utf-8")


class Graph:
    """The pipeline, with a model whose forward pass is ONNX Runtime's; keeps the logits of the last question."""

    def __init__(self, folder, graph):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        # What the graph says, to the letter: fused operators round activations to int8 at other places.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self.session = onnxruntime.InferenceSession(str(graph), options, ["CPUExecutionProvider"])
        config = transformers.AutoConfig.from_pretrained(folder)
        model = transformers.AutoModelForQuestionAnswering.from_config(config)
        model.forward = self.forward
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self.pipeline = transformers.pipeline("question-answering", model=model, tokenizer=tokenizer, device="cpu")
        self.logits = []

    def forward(self, **inputs):
        start, end = self.session.run(["start_logits", "end_logits"], {k: v.numpy() for k, v in inputs.items()})
        self.logits.append((start[0], end[0]))
        return QuestionAnsweringModelOutput(start_logits=torch.from_numpy(start), end_logits=torch.from_numpy(end))

    def answers(self, question, context, options):
        self.logits = []
        result = self.pipeline(question=question, context=context, **options)
        return result if isinstance(result, list) else [result]


def answer(graph, contexts, case):
    context = "\n".join(contexts[index] for index in case["contexts"])
    answers = graph.answers(case["question"], context, case["options"])
    # Spans of score zero only fill up; which of them the pipeline takes is left to numpy's partition. The empty one,
    # which stands for the first token, comes first there and is kept.
    case["answers"] = [found for found in answers if found["score"] > 0 or found["answer"] == ""]
    if sum(len(start) for start, _ in graph.logits) <= MAX_RECORDED_TOKENS:
        case["logits"] = [{"start": shortest(start), "end": shortest(end)} for start, end in graph.logits]
    return case


def shortest(values):
    """The shortest decimals that still name each float32."""
    return [float(numpy.format_float_positional(value, unique=True)) for value in values.astype(numpy.float32)]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True, help="the development set of SQuAD 1.1")
    parser.add_argument("--graph", type=pathlib.Path, required=True, help="the int8 graph, by contenders/fastapi/quantize.py")
    parser.add_argument("--model", type=pathlib.Path, required=True, help="the model folder")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the file to write")
    return parser.parse_args()


if __name__ == "__main__":
    main()
