"""Runs a SavedModel that `suppression.py` has saved in another engine, once.

    python benchmarks/suppression_engines.py openvino|onnxruntime FOLDER

Prints {"milliseconds", "largest difference", "loops"}: the median of ten calls, the
largest difference from what TensorFlow found, and how many loops its graph has.
"""

import json
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np

_LOOPS = ("Loop", "TensorIterator", "Scan", "If")


def main(engine, folder):
    values = dict(np.load(pathlib.Path(folder) / "values.npz"))
    call, loops = {"openvino": _openvino, "onnxruntime": _onnxruntime}[engine](folder)
    given = {n: x for n, x in values.items() if not n.startswith("found_")}
    found, taken = None, []
    for _ in range(12):
        start = time.perf_counter()
        found = call(given)
        taken.append(time.perf_counter() - start)
    print(
        json.dumps(
            {
                "milliseconds": round(1000 * statistics.median(taken[2:]), 3),
                "largest difference": float(
                    max(np.abs(x - values[name]).max() for name, x in found.items())
                ),
                "loops": loops,
            }
        )
    )


def _openvino(folder):
    import openvino

    model = openvino.convert_model(folder)
    loops = sum(node.get_type_name() in _LOOPS for node in model.get_ops())
    compiled = openvino.Core().compile_model(model, "CPU")

    def named(port, names):
        return next(n for n in names if any(n in own for own in port.get_names()))

    def call(given):
        feed = {port: given[named(port, given)] for port in compiled.inputs}
        answer = compiled(feed)
        names = ("found_boxes", "found_scores")
        return {named(port, names): answer[port] for port in compiled.outputs}

    return call, loops


def _onnxruntime(folder):
    import onnx
    import onnxruntime

    path = pathlib.Path(folder) / "model.onnx"
    convert = [sys.executable, "-m", "tf2onnx.convert", "--saved-model", folder]
    subprocess.run(
        [*convert, "--output", path, "--opset", "17"], capture_output=True, check=True
    )
    loops = sum(node.op_type in _LOOPS for node in onnx.load(path).graph.node)
    session = onnxruntime.InferenceSession(str(path))
    names = [output.name for output in session.get_outputs()]

    def call(given):
        feed = {i.name: given[i.name.split(":")[0]] for i in session.get_inputs()}
        return dict(zip(names, session.run(names, feed), strict=True))

    return call, loops


if __name__ == "__main__":
    main(*sys.argv[1:])
