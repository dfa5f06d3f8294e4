"""Asks a server of the Open Inference Protocol with Triton's client and prints what it said, as JSON.

    tritonclient_http.py HOST:PORT MODEL < questions.json

The questions are a JSON list of [question, context] pairs.
"""

import json
import sys

import numpy as np
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

NAMES = ["answer", "score", "start", "end"]


def main() -> None:
    address, model = sys.argv[1:]
    pairs = json.load(sys.stdin)
    client = InferenceServerClient(address)
    print(
        json.dumps(
            {
                "live": client.is_server_live(),
                "ready": client.is_server_ready(),
                "model_ready": client.is_model_ready(model),
                "version_ready": client.is_model_ready(model, "1"),
                "other_ready": client.is_model_ready("other"),
                "extensions": client.get_server_metadata()["extensions"],
                "metadata": client.get_model_metadata(model),
                "binary": ask(client, model, pairs, binary_inputs=True, outputs=None),
                "json": ask(client, model, pairs, binary_inputs=False, outputs=False),
                "mixed": ask(client, model, pairs, binary_inputs=True, outputs=False),
                "gzip": ask(client, model, pairs, binary_inputs=True, outputs=None, compression="gzip"),
                "deflate": ask(client, model, pairs, binary_inputs=False, outputs=None, compression="deflate"),
                "refused": refusal(client, model),
            }
        )
    )


def ask(client, model, pairs, binary_inputs, outputs, compression=None):
    """The answers; `outputs` says whether their tensors are binary, or leaves all to the client's default."""
    questions, contexts = zip(*pairs)
    requested = None
    if outputs is not None:
        requested = [InferRequestedOutput(name, binary_data=outputs) for name in NAMES + ["output"]]
    inputs = [tensor("question", questions, binary_inputs), tensor("context", contexts, binary_inputs)]
    result = client.infer(
        model, inputs, outputs=requested, request_id="one", parameters={"top_k": 1}, request_compression_algorithm=compression
    )
    assert result.get_response()["id"] == "one"
    columns = {name: result.as_numpy(name) for name in NAMES}
    answers = []
    for row, whole in enumerate(result.as_numpy("output")):
        answer = {name: columns[name][row][0].item() if name != "answer" else text(columns[name][row][0]) for name in NAMES}
        assert answer == json.loads(whole), (answer, whole)
        answers.append(answer)
    return answers


def tensor(name, texts, binary):
    data = np.array([each.encode() for each in texts], dtype=np.object_)
    tensor = InferInput(name, list(data.shape), "BYTES")
    tensor.set_data_from_numpy(data, binary_data=binary)
    return tensor


def text(element) -> str:
    return element.decode() if isinstance(element, bytes) else element


def refusal(client, model) -> str:
    try:
        client.infer(model, [tensor("question", ["Who?"], True)])
    except InferenceServerException as error:
        return f"{error.status()}: {error.message()}"
    return "answered"


main()
