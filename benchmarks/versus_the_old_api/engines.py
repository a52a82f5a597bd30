"""A model in the file of another engine, on one image at a time: see `inference`.

The old side is its SavedModel. In turn with the whole are timed, where they are asked
for, our network alone in the same engine and precision, and OpenVINO's model compiled
for images of all sizes.
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
    if settings["open"]:
        models["open_seconds"] = _compiled(settings, _path_of(settings))
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


def _path_of(settings):
    return engine_exporting.folder_of(settings) / "model.xml"


def _network(settings, shape):
    """What takes images of the shape and has heads alone."""
    path = engine_exporting.bare_folder_of(settings) / "model.onnx"
    if settings["format"] == "onnx":
        from od_api.engines.onnx_engine import OnnxModel

        return OnnxModel(path, is_raw=True)
    # As OpenvinoModel does for images that keep coming.
    return _compiled(settings, path, list(shape))


def _compiled(settings, path, shape=None):
    """OpenVINO's model for images of a shape, or of all."""
    import openvino

    from od_api.engines.openvino_engine import precision_hint

    hint = precision_hint(settings["precision"])
    options = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
    core = openvino.Core()
    model = core.read_model(path)
    if shape:
        model.reshape(shape)
    return core.compile_model(model, "CPU", options)
