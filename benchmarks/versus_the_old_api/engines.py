"""A model in the file of another engine, on one image at a time: see `inference`.

The old side is its SavedModel. Where it is asked for, our network alone is timed in
turn with the whole, in the same engine and precision.
"""

import importlib

import engine_exporting
import inference
from timing import times


def ours(settings):
    image = inference.image(settings["side"])
    models = {"seconds": _detector(settings)}
    if settings["bare"]:
        models["bare_seconds"] = _network(settings, image.shape)
    for model in models.values():
        for _ in range(inference.WARM_UP):
            model(image)
    outputs = models["seconds"](image)
    yield inference.facts([outputs[name] for name in inference.OUTPUTS])
    while True:
        yield {
            name: times(lambda model=model: model(image), settings["seconds"])
            for name, model in models.items()
        }


def old(settings):
    for found in inference.old(settings):
        found.pop("matmul_flops_per_second", None)
        yield found


def _detector(settings):
    """What takes uint8 [1, h, w, 3] and returns {output: array}."""
    from od_api.engines.artefacts import ENGINES

    engine = ENGINES[settings["format"]]
    module, name = engine.model.split(":")
    load = getattr(importlib.import_module(module), name)
    return load(engine_exporting.folder_of(settings) / engine.file_name)


def _network(settings, shape):
    """What takes images of the shape and has heads alone."""
    path = engine_exporting.bare_folder_of(settings) / "model.onnx"
    if settings["format"] == "onnx":
        from od_api.engines.onnx_engine import OnnxModel

        return OnnxModel(path, is_raw=True)
    import openvino

    from od_api.engines.openvino_engine import precision_hint

    hint = precision_hint(settings["precision"])
    options = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
    core = openvino.Core()
    model = core.read_model(path)
    # As OpenvinoModel does for images that keep coming.
    model.reshape(list(shape))
    return core.compile_model(model, "CPU", options)
