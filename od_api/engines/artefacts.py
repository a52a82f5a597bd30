"""Which engine an exported model is for: the name of its file says it."""

import importlib
import pathlib
from typing import NamedTuple

from od_api.core.errors import UserError

# The keys of the metadata of a model of one file.
CONFIG, LABEL_MAP = "od_api.pipeline_config", "od_api.label_map"
SAVED_MODEL = "saved_model"
# An output of `od-api export --form raw`, which has no detections.
RAW_OUTPUT = "box_encodings"
HEADS_ALONE = (
    "has the heads of its network alone (--form raw), of whose outputs decode.py makes "
    "boxes: export it with --form detections to use it here"
)
# Of exported models, float32 first; a lower one is in the metadata, too.
PRECISIONS = ("float32", "bfloat16", "float16", "int8")
FLOAT32, _, FLOAT16, INT8 = PRECISIONS
PRECISION = "od_api.precision"


class Engine(NamedTuple):
    """How the artefacts of one format are found and loaded.

    Attributes:
      file_name: of the model in the folder of an export; alone, a model is told by the
        ending.
      model: "module:class", imported when it is needed. `class(path, threads)` raises
        UserError; it has `metadata`, {key: text}, and `image_shape`, and called with
        uint8 [B, h, w, 3] returns {output name: array}, as `outputs_of`.
      writer: module with `write(module, folder, metadata)`, as of `onnx_writer`.
      precisions: that it writes.
      is_static: its models take images of one size, and batches of some sizes.
      has_raw: it is written with heads alone, too; `model` then takes `is_raw`: such a
        model is taken, too.
    """

    file_name: str
    model: str
    writer: str
    precisions: tuple = (FLOAT32,)
    is_static: bool = False
    has_raw: bool = True


# By format, beside SAVED_MODEL. A new engine is a line here.
ENGINES = {
    "onnx": Engine(
        "model.onnx",
        "od_api.engines.onnx_engine:OnnxModel",
        "od_api.exporting.onnx_writer",
    ),
    "openvino": Engine(
        "model.xml",
        "od_api.engines.openvino_engine:OpenvinoModel",
        "od_api.exporting.openvino_writer",
        PRECISIONS,
    ),
    "stablehlo": Engine(
        "model.stablehlo",
        "od_api.engines.stablehlo_engine:StableHloModel",
        "od_api.exporting.stablehlo_writer",
        is_static=True,
        has_raw=False,
    ),
    "litert": Engine(
        "model.tflite",
        "od_api.engines.litert_engine:LitertModel",
        "od_api.exporting.litert_writer",
        (FLOAT32, FLOAT16, INT8),
        is_static=True,
    ),
}


def check_written(model_format, precision):
    """Refuses one of PRECISIONS in which a format, or SAVED_MODEL, is not written."""
    engine = ENGINES.get(model_format)
    known = engine.precisions if engine else (FLOAT32,)
    if precision not in known:
        others = [name for name in ENGINES if precision in ENGINES[name].precisions]
        raise UserError(
            f"{model_format} is not written in {precision} (it has "
            f"{', '.join(known)}), but {', '.join(others)} is"
        )


class Artefact(NamedTuple):
    """A model of one file: `engine` is its format."""

    engine: str
    file: pathlib.Path

    def load(self, threads=None, is_raw=False):
        """The model, ready to be called.

        Args:
          threads: of one call; None: as many as there are cores.
          is_raw: one that has the heads alone is taken, too.
        """
        engine = ENGINES[self.engine]
        module, name = engine.model.split(":")
        model = getattr(importlib.import_module(module), name)
        options = {"is_raw": True} if is_raw and engine.has_raw else {}
        return model(self.file, threads, **options)


def artefact_at(path):
    """The Artefact that a user's path means: a file, or the folder of an export; None
    where it is neither. A SavedModel is none: it is a folder."""
    path = pathlib.Path(path)
    try:
        for name, engine in ENGINES.items():
            ending = pathlib.Path(engine.file_name).suffix
            if path.suffix == ending and path.is_file():
                return Artefact(name, path)
            if (path / engine.file_name).is_file():
                return Artefact(name, path / engine.file_name)
    except ValueError:  # no path has such a character
        pass
    return None
