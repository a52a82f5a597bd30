"""A model in the file of another engine, on one image at a time: see `inference`.

The old side is its SavedModel. Of a detector of one stage our network alone is timed in
turn with the whole, in the same engine and precision.
"""

import importlib

import inference
from engine_exporting import BARE, folder_of, forms_of
from timing import times


def ours(settings):
    image = inference.image(settings["side"])
    models = {form: _model(settings, form) for form in forms_of(settings)}
    for model in models.values():
        for _ in range(inference.WARM_UP):
            outputs = model(image)
    outputs = models["detections"](image)
    yield inference.facts([outputs[name] for name in inference.OUTPUTS])
    while True:
        measured = {
            form: times(lambda model=model: model(image), settings["seconds"])
            for form, model in models.items()
        }
        found = {"seconds": measured["detections"]}
        yield found | ({"bare_seconds": measured[BARE]} if BARE in measured else {})


def old(settings):
    for found in inference.old(settings):
        found.pop("matmul_flops_per_second", None)
        yield found


def _model(settings, form):
    """What takes uint8 [1, h, w, 3] and returns {output: array}."""
    from od_api.engines.artefacts import ENGINES

    engine = ENGINES[settings["format"]]
    module, name = engine.model.split(":")
    make = getattr(importlib.import_module(module), name)
    needs_word = settings["format"] == "onnx" and form == BARE
    more = {"is_raw": True} if needs_word else {}
    return make(folder_of(settings, form) / engine.file_name, **more)
