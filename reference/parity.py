"""Writes what transformers' question-answering pipeline answers with the bundled model's weights in float32.

Which version answers is for the caller to choose, by the environment. `--cases all` takes more than 1,000 questions of
SQuAD's development set and more than 200 awkward ones; `--cases awkward` takes the latter only.

    python reference/parity.py --cases all --data squad-v1.1-dev.json.gz --model models/minilm-squad --out FILE
"""

import argparse
import pathlib

import torch
import transformers

from cases import ATTRIBUTION, add_cases, awkward_variants, long_cases, squad_many, to_json

# Questions of each of SQuAD's 48 articles.
QUESTIONS_EACH = 21


def main():
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    contexts, cases = squad_many(arguments.data, QUESTIONS_EACH)
    add_cases(long_cases(), contexts, cases)
    add_cases(awkward_variants(), contexts, cases)
    if arguments.cases == "awkward":
        contexts, cases = without_squad(contexts, cases)
    pipeline = load(arguments.model)
    golden = {
        "transformers": transformers.__version__,
        "torch": torch.__version__,
        "attribution": ATTRIBUTION,
        "contexts": contexts,
        "cases": [answer(pipeline, contexts, case) for case in cases],
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(to_json(golden), encoding="utf-8")


def load(folder):
    """The pipeline, in float32 whatever the weights are stored in."""
    model = transformers.AutoModelForQuestionAnswering.from_pretrained(folder).float().eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, use_fast=True)
    return transformers.pipeline("question-answering", model=model, tokenizer=tokenizer, device="cpu")


def answer(pipeline, contexts, case):
    """The case with its answers, or `refused` where the pipeline fails."""
    context = "\n".join(contexts[index] for index in case["contexts"])
    try:
        result = pipeline(question=case["question"], context=context, **case["options"])
    # A question that leaves no room is an Exception or, from the tokenizer's own code, only a BaseException.
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, SystemExit)) or not is_no_room(error):
            raise
        return {**case, "refused": True}
    answers = result if isinstance(result, list) else [result]
    # Spans of score zero only fill up; which of them the pipeline takes is left to numpy's partition. Where there is
    # nothing else the empty one, which stands for the first token, is the best.
    likely = [found for found in answers if found["score"] > 0]
    return {**case, "answers": likely or answers[:1]}


def is_no_room(error):
    return "too short to respect the provided max_length" in str(error) or "must be strictly less than" in str(error)


def without_squad(contexts, cases):
    """The cases whose contexts are all our own, and those contexts."""
    squad = {index for case in cases if case["name"].startswith("squad") for index in case["contexts"]}
    kept = [index for index in range(len(contexts)) if index not in squad]
    cases = [case for case in cases if not squad.intersection(case["contexts"])]
    moved = [{**case, "contexts": [kept.index(index) for index in case["contexts"]]} for case in cases]
    return [contexts[index] for index in kept], moved


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", choices=["all", "awkward"], required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="the development set of SQuAD 1.1")
    parser.add_argument("--model", type=pathlib.Path, required=True, help="the model folder")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the file to write")
    parser.add_argument("--threads", type=int, default=2, help="threads that torch may take")
    return parser.parse_args()


if __name__ == "__main__":
    main()
