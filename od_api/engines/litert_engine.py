"""LiteRT models of `od-api export --format litert`, run by LiteRT's interpreter.

The file is a TFLite flatbuffer with a zip archive behind it, as TFLite's models with
associated files are: `unzip -p model.tflite metadata.json` shows what it says of
itself. Needs neither TensorFlow nor the rest of od_api:

    interpreter = Interpreter("exported/model.tflite")
    outputs = interpreter.get_signature_runner()(input_tensor=images)
"""

import json
import zipfile

import numpy as np

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.engines.artefacts import ENGINES, HEADS_ALONE, RAW_OUTPUT
from od_api.engines.static_batches import in_batches
from od_api.system.extras import needed

EXTRA = "litert"
FILE_NAME = ENGINES["litert"].file_name
_METADATA = "metadata.json"


class LitertModel:
    """A loaded model: called with images it returns {output name: array}.

    Args:
      path: of the file.
      threads: of one call; None: as many as the interpreter takes.
      is_raw: one that has the heads alone, and no detections, is taken, too.

    Attributes:
      metadata: {key: text}.
      image_shape: (None, height, width, 3), of the only images that it takes.
      steps: {output name: (scale, zero point)} of outputs that the file has in integers
        n, which say (n - zero point) scale; a call returns these values.

    Raises:
      UserError: LiteRT is not there, or the file is no model of a detector.
    """

    def __init__(self, path, threads=None, is_raw=False):
        made = needed("ai_edge_litert.interpreter", EXTRA, "ai-edge-litert").Interpreter
        self.metadata = _metadata(path)
        try:
            # The runner of a signature does not keep its interpreter alive.
            self._interpreter = made(model_path=str(path), num_threads=threads)
            self._run = self._interpreter.get_signature_runner()
            (first,) = self._interpreter.get_input_details()
        except Exception as error:  # of many kinds, without a common one
            reason = str(error).strip().split("\n")[0][:300]
            raise UserError(
                f"{printable(path)} cannot be loaded by LiteRT: {printable(reason)}"
            ) from error
        ((self._input, taken),) = self._run.get_input_details().items()
        self._to_input = _to_integers(taken)
        details = self._run.get_output_details()
        self.steps = {n: _steps(d) for n, d in details.items() if _steps(d)}
        self.image_shape = (None, *map(int, first["shape"][1:]))
        if RAW_OUTPUT in details and not is_raw:
            raise UserError(f"{printable(path)} {HEADS_ALONE}")

    def __call__(self, images):
        """{output name: array} of images, uint8 [B, h, w, 3], which it takes one by
        one.

        Raises:
          UserError: they are of another size than the model's.
        """
        return in_batches(images, self.image_shape, (1,), self._call)

    def _call(self, _, images):
        found = self._run(**{self._input: self._to_input(images)})
        for name, (scale, zero) in self.steps.items():
            found[name] = (found[name].astype(np.float32) - zero) * np.float32(scale)
        return found


def _steps(details):
    """(scale, zero point) of a tensor of integers that stand for real numbers; None of
    another."""
    scale, zero = details["quantization"]
    return (float(scale), int(zero)) if scale else None


def _to_integers(details):
    """A function: uint8 images as an input takes them."""
    if not _steps(details):
        return lambda images: images
    scale, zero = _steps(details)
    kind = details["dtype"]
    limits = np.iinfo(kind)

    def convert(images):
        return np.clip(np.rint(images / scale) + zero, limits.min, limits.max).astype(
            kind
        )

    return convert


def write(path, content, metadata):
    """Writes the file.

    Args:
      path: of it.
      content: the flatbuffer, bytes.
      metadata: {key: text} to keep in it.
    """
    path.write_bytes(content)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(_METADATA, json.dumps(metadata, indent=1))


def _metadata(path):
    try:
        with zipfile.ZipFile(path) as file:
            return json.loads(file.read(_METADATA))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise UserError(
            f"{printable(path)} is no model of od-api export --format litert, or is "
            f"damaged: {printable(error)}"
        ) from error
