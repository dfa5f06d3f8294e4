"""Asks a server of Hugging Face's Inference API with their client and prints what it said, as JSON.

    hugging_face.py URL < questions.json

The questions are a JSON list of [question, context] pairs.
"""

import json
import sys

from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError


def main() -> None:
    # Without a token of its own it would look for the user's.
    client = InferenceClient(model=sys.argv[1], token="none")
    pairs = json.load(sys.stdin)
    one = [dict(client.question_answering(question=question, context=context)) for question, context in pairs]
    question, context = pairs[0]
    several = client.question_answering(question=question, context=context, top_k=3)
    print(json.dumps({"one": one, "several": [dict(each) for each in several], "refused": refusal(client)}))


def refusal(client) -> int:
    try:
        client.question_answering(question="", context="A context.")
    except HfHubHTTPError as error:
        return error.response.status_code
    return 200


main()
