"""Where the time of a model in another engine goes, by kinds of operators.

The old side is TensorFlow's trace of its SavedModel.
"""

import collections
import json
import pathlib
import tempfile

import engine_exporting
import inference
import traces

# Calls that are profiled, behind those that warm up.
_CALLS = 20


def ours(settings):
    yield {}
    profiled = {"onnx": _onnx, "openvino": _openvino}[settings["format"]]
    folder = engine_exporting.folder_of(settings)
    while True:
        yield traces.shares(profiled(folder, settings))


def old(settings):
    return traces.old({**settings, "of": "inference"})


def _openvino(folder, settings):
    """{kind of operator: seconds} of OpenVINO's counters."""
    import openvino

    from od_api.engines.openvino_engine import precision_hint

    options = {
        "INFERENCE_PRECISION_HINT": precision_hint(settings["precision"]),
        "PERFORMANCE_HINT": "LATENCY",
        "PERF_COUNT": True,
    }
    core, image = openvino.Core(), _image(settings)
    model = core.read_model(folder / "model.xml")
    # As OpenvinoModel does for images that keep coming.
    model.reshape(list(image.shape))
    request = core.compile_model(model, "CPU", options).create_infer_request()
    found = collections.Counter()
    for call in range(inference.WARM_UP + _CALLS):
        request.infer([image])
        if call >= inference.WARM_UP:
            for part in request.profiling_info:
                found[part.node_type] += part.real_time.total_seconds()
    return found


def _onnx(folder, settings):
    """{kind of operator: seconds} of ONNX Runtime's trace, with those inside of If."""
    import onnxruntime

    found = collections.Counter()
    with tempfile.TemporaryDirectory() as traced:
        options = onnxruntime.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = f"{traced}/trace"
        session = onnxruntime.InferenceSession(folder / "model.onnx", options)
        for _ in range(inference.WARM_UP + _CALLS):
            session.run(None, {"input_tensor": _image(settings)})
        events = json.loads(pathlib.Path(session.end_profiling()).read_text())
    for event in events:
        kind = event.get("args", {}).get("op_name")
        if event.get("cat") == "Node" and kind and kind != "If":
            found[kind] += event["dur"] / 1e6
    return found


def _image(settings):
    return inference.image(settings["side"])
