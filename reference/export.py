"""Exports question-answering models to ONNX; as a script, the float32 graph of the bundled model without its weights.

The script's graph holds no weights: it refers to those in models/minilm-squad/model.safetensors, where they are, in
float16, and widens them itself. Whoever runs it puts that file beside the graph, named `model.onnx_data`.

    python reference/export.py --model models/minilm-squad --out crates/qa/tests/fp32/model.onnx
"""

import argparse
import json
import pathlib
import struct
import tempfile
import warnings

import onnx
import torch
import transformers


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=pathlib.Path, required=True, help="the model folder")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the graph to write")
    arguments = parser.parse_args()
    model = transformers.AutoModelForQuestionAnswering.from_pretrained(arguments.model, attn_implementation="eager")
    with tempfile.TemporaryDirectory() as folder:
        exported = pathlib.Path(folder) / "model.onnx"
        export(model.float().eval(), ["input_ids", "attention_mask", "token_type_ids"], exported)
        graph = onnx.load(exported)
    refer_to(arguments.model / "model.safetensors", graph.graph)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_bytes(graph.SerializeToString())


def export(model, inputs, path):
    """Writes `model` with the weights under their own names, prefixed `model.`."""
    outputs = ["start_logits", "end_logits"]
    example = tuple(torch.ones(2, 9, dtype=torch.long) for _ in inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            ByPosition(model, inputs).eval(),
            example,
            str(path),
            input_names=inputs,
            output_names=outputs,
            dynamic_axes={name: {0: "batch", 1: "sequence"} for name in inputs + outputs},
            opset_version=17,
            dynamo=False,
            do_constant_folding=False,
        )


class ByPosition(torch.nn.Module):
    """A model that takes its inputs by position and gives its logits as a pair, as the exporter wants."""

    def __init__(self, model, inputs):
        super().__init__()
        self.model = model
        self.inputs = inputs

    def forward(self, *tensors):
        output = self.model(**dict(zip(self.inputs, tensors)))
        return output.start_logits, output.end_logits


def refer_to(weights, graph):
    """Replaces each initializer of `graph` by the float16 tensor of that name in the file `weights`, and a cast."""
    with open(weights, "rb") as file:
        (header_bytes,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(header_bytes))
    casts = []
    for initializer in graph.initializer:
        name = initializer.name
        entry = header[name.removeprefix("model.")]
        if entry["dtype"] != "F16" or list(initializer.dims) != entry["shape"]:
            raise SystemExit(f"{name} is {entry}, expected float16 of {list(initializer.dims)}")
        start, end = entry["data_offsets"]
        initializer.ClearField("raw_data")
        initializer.name = name + ".f16"
        initializer.data_type = onnx.TensorProto.FLOAT16
        initializer.data_location = onnx.TensorProto.EXTERNAL
        place = {"location": "model.onnx_data", "offset": 8 + header_bytes + start, "length": end - start}
        for key, value in place.items():
            initializer.external_data.add(key=key, value=str(value))
        casts.append(onnx.helper.make_node("Cast", [initializer.name], [name], name + ".cast", to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


if __name__ == "__main__":
    main()
