"""OpenVINO models of `od-api export --format openvino`.

Needs neither TensorFlow nor the rest of od_api:

    model = openvino.Core().compile_model("exported/model.xml", "CPU")
    found = model({"input_tensor": images})
    boxes = found["detection_boxes"]
"""

import pathlib

import numpy as np

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.engines.artefacts import (
    ENGINES,
    FLOAT32,
    HEADS_ALONE,
    INT8,
    PRECISION,
    RAW_OUTPUT,
)
from od_api.engines.shaped_model import ShapedModel
from od_api.system.extras import needed

EXTRA = "openvino"
FILE_NAME = ENGINES["openvino"].file_name
# Where a model keeps its metadata; keys of ours begin with the same and a dot.
SECTION = "od_api"
# How OpenVINO says the precisions; of an int8 model that of its heads.
_HINTS = {FLOAT32: "f32", "bfloat16": "bf16", "float16": "f16", INT8: "bf16"}


class OpenvinoModel:
    """A loaded model: called with images it returns {output name: array}.

    It is compiled anew for images of one shape that keep coming: see ShapedModel.

    Args:
      path: of model.xml; model.bin is beside it.
      threads: of one call; None: as many as there are cores.
      is_raw: one that has the heads alone, and no detections, is taken, too.

    Attributes:
      metadata: {key: text}: artefacts.CONFIG, PRECISION where it is a lower one, and
        LABEL_MAP where the model has one.
      image_shape: of the argument with images: -1 where any is taken.

    Raises:
      UserError: OpenVINO is not there, or the file is no model of a detector.
    """

    def __init__(self, path, threads=None, is_raw=False):
        runtime = needed("openvino", EXTRA)
        core, path = runtime.Core(), pathlib.Path(path)
        try:
            model = core.read_model(str(path))
            self.metadata = _metadata(model)
            settings = _settings(self.metadata, threads)
            self._shaped = ShapedModel(_compiling(core, model, settings))
        except Exception as error:  # of many kinds, without a common one
            raise UserError(
                f"{printable(path)} cannot be loaded by OpenVINO: {_reason(error)}"
            ) from error
        self._names = [output.get_any_name() for output in model.outputs]
        first, *others = model.inputs
        takes_images = first.element_type == runtime.Type.u8 and not others
        if RAW_OUTPUT in self and not is_raw:
            raise UserError(f"{printable(path)} {HEADS_ALONE}")
        finds = RAW_OUTPUT in self or "detection_boxes" in self
        if not takes_images or not finds:
            raise UserError(
                f"{printable(path)} is no detector that takes images as uint8: name "
                "what od-api export --format openvino made"
            )
        self.image_shape = [
            size.get_length() if size.is_static else -1 for size in first.partial_shape
        ]

    def __contains__(self, output):
        return output in self._names

    def __call__(self, images):
        """{output name: array} of images, uint8 [B, h, w, 3].

        Raises:
          UserError: the model takes other shapes, or fails.
        """
        try:
            found = self._shaped(np.asarray(images))
            return {name: np.array(found[name]) for name in self._names}
        except Exception as error:  # as above
            raise UserError(
                f"the model fails on images of shape {tuple(images.shape)}: "
                f"{_reason(error)}"
            ) from error

    def prepare(self, shape):
        """Compiles for images of a shape [B, h, w, 3] now, before they come."""
        self._shaped.prepare(shape)


def _compiling(core, model, settings):
    """What compiles the model for a shape, as ShapedModel asks."""

    def compiled(shape):
        if shape is None:
            return core.compile_model(model, "CPU", settings)
        if model.inputs[0].partial_shape.is_static:
            return None
        of_shape = model.clone()
        try:
            of_shape.reshape(list(shape))
            return core.compile_model(of_shape, "CPU", settings)
        except RuntimeError:  # of OpenVINO, which has the one of all shapes
            return None

    return compiled


def precision_hint(precision):
    """OpenVINO's INFERENCE_PRECISION_HINT of one of PRECISIONS; None: of float32."""
    return _HINTS.get(precision, _HINTS[FLOAT32])


def _settings(metadata, threads):
    """What the CPU is told: by itself it computes in bfloat16 where it can."""
    hint = precision_hint(metadata.get(PRECISION))
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hint}
    if threads is not None:
        settings["INFERENCE_NUM_THREADS"] = threads
    return settings


def _metadata(model):
    """{key: text} of what the writer put into the section."""
    if not model.has_rt_info([SECTION]):
        return {}
    section = model.get_rt_info([SECTION]).value
    return {f"{SECTION}.{key}": str(text) for key, text in section.items()}


def _reason(error):
    """The last line, which says it: those before it are places in OpenVINO's code."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return printable((lines or [type(error).__name__])[-1][:300])
