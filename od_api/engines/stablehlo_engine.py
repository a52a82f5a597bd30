"""StableHLO programs of `od-api export --format stablehlo`, run by JAX.

The file is a zip archive: for each batch size B `batch_B`, a program that
`jax.export.deserialize` takes, weights inside, and `metadata.json`. TensorFlow is not
needed.
"""

import json
import zipfile

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.engines.artefacts import ENGINES
from od_api.engines.static_batches import in_batches
from od_api.system.extras import needed

EXTRA = "stablehlo"
FILE_NAME = ENGINES["stablehlo"].file_name
METADATA, SHAPE = "metadata.json", "od_api.image_shape"
_PROGRAM = "batch_"


class StableHloModel:
    """A loaded model: called with images it returns {output name: array}.

    Args:
      path: of the file.
      threads: None: JAX cannot be told how many.

    Attributes:
      metadata: {key: text}.
      image_shape: (None, height, width, 3), of the only images that it takes.
      batch_sizes: that there are programs for; of other numbers of images it makes
        several batches, and fills the last one up.

    Raises:
      UserError: JAX is not there, or the file is no model of a detector.
    """

    def __init__(self, path, threads=None):
        self._export = needed("jax.export", EXTRA, "jax")
        if threads is not None:
            raise UserError(
                "JAX takes the cores that its process may use, and no number of "
                "threads: leave out threads, and start it as taskset -c 0,1 od-api ..."
            )
        self._path, self._runs = path, {}
        try:
            with zipfile.ZipFile(path) as file:
                names = [n for n in file.namelist() if n.startswith(_PROGRAM)]
                self.metadata = json.loads(file.read(METADATA))
                self.image_shape = (None, *json.loads(self.metadata[SHAPE]))
        except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"{printable(path)} is no model of od-api export --format stablehlo, "
                f"or is damaged: {printable(error)}"
            ) from error
        self.batch_sizes = sorted(int(n.removeprefix(_PROGRAM)) for n in names)

    def __call__(self, images):
        """{output name: array} of images, uint8 [B, h, w, 3].

        Raises:
          UserError: they are of another size than the model's.
        """
        return in_batches(images, self.image_shape, self.batch_sizes, self._call)

    def _call(self, size, images):
        return self._run(size)(images)

    def _run(self, size):
        """The program of a batch size, loaded when it is first wanted."""
        if size not in self._runs:
            jit = needed("jax", EXTRA).jit
            try:
                with zipfile.ZipFile(self._path) as file:
                    content = bytearray(file.read(f"{_PROGRAM}{size}"))
                self._runs[size] = jit(self._export.deserialize(content).call)
            except Exception as error:  # of many kinds, without a common one
                reason = str(error).strip().split("\n")[0][:300]
                raise UserError(
                    f"JAX cannot load the program for {size} images of "
                    f"{printable(self._path)}: {printable(reason)}"
                ) from error
        return self._runs[size]


def write(path, programs, image_shape, metadata):
    """Writes the file.

    Args:
      path: of it.
      programs: {batch size: what `jax.export.Exported.serialize` gave}.
      image_shape: (height, width, 3).
      metadata: {key: text} to keep in it.
    """
    metadata = {**metadata, SHAPE: json.dumps(image_shape)}
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(METADATA, json.dumps(metadata, indent=1))
        for size, program in programs.items():
            file.writestr(f"{_PROGRAM}{size}", program)
