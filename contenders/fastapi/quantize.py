"""Builds the int8 graph that the service runs, from what the repository has: the float32 graph of the tests, which holds no
weights, and the bundled model's safetensors.

    python quantize.py model.onnx
"""

import shutil
import sys
import tempfile
from pathlib import Path

import onnx
from onnx import numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

ROOT = Path(__file__).resolve().parent / "../.."
GRAPH = ROOT / "crates/qa/tests/fp32/model.onnx"
WEIGHTS = ROOT / "models/minilm-squad/model.safetensors"


def main() -> None:
    (out,) = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(GRAPH, folder / "model.onnx")
        # Where the graph looks for its weights.
        shutil.copy(WEIGHTS, folder / "model.onnx_data")
        model = onnx.load(folder / "model.onnx")
        fold(model.graph)
        onnx.save(model, folder / "folded.onnx")
        quantize_dynamic(folder / "folded.onnx", out, per_channel=True, weight_type=QuantType.QInt8)


def fold(graph: onnx.GraphProto) -> None:
    """Widens and transposes the weights in the file instead of at every run; only weights that are constant get quantized."""
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for operator in ["Cast", "Transpose"]:
        for node in [node for node in graph.node if node.op_type == operator and node.input[0] in constants]:
            value = constants[node.input[0]]
            if operator == "Cast":
                value = value.astype("float32")
            else:
                value = value.transpose(node.attribute[0].ints)
            constants[node.output[0]] = value
            graph.node.remove(node)
    used = {name for node in graph.node for name in node.input}
    del graph.initializer[:]
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items() if name in used)


if __name__ == "__main__":
    main()
