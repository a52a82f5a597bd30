"""A detector that a server runs (TensorFlow Serving), as a Finder like any other."""

import io
import math

import numpy as np
import tensorflow as tf
from PIL import Image

from od_api.core.errors import UserError
from od_api.exporting import saved_models
from od_api.inference import served_address, served_signature
from od_api.inference.finders import Finder
from od_api.inference.grpc_client import GrpcClient
from od_api.inference.rest_client import RestClient

_CLIENTS = {served_address.REST: RestClient, served_address.GRPC: GrpcClient}
# Files are made to be sent once: fast rather than small.
_PNG_EFFORT = 1


class ServedModel:
    """Called with images, it asks the server what is in them.

    Args:
      address: text of a ServedAddress.
      timeout: seconds for an answer; None: served_address.TIMEOUT.

    Raises:
      UserError: there is no server, no such model, or it is no detector.
    """

    def __init__(self, address, timeout=None):
        timeout = served_address.TIMEOUT if timeout is None else timeout
        if not (timeout > 0 and math.isfinite(timeout)):
            raise UserError(f"the timeout is {timeout}: it must be seconds, above 0")
        self._address = served_address.ServedAddress.parsed(address)
        self._client = _CLIENTS[self._address.protocol](self._address, timeout)
        signatures = self._client.signatures()
        self._signature = served_signature.chosen(signatures, self._address)

    def __call__(self, images):
        """uint8 [B, h, w, 3] -> B dicts, as `saved_models.run_batch`.

        Raises:
          UserError: they are no such images, or the server or its model fails.
        """
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
            raise UserError(
                f"images are uint8 [batch, height, width, 3], not {images.dtype} "
                f"{list(images.shape)}"
            )
        if not images.size:
            raise UserError(
                f"there is no image in a batch of shape {list(images.shape)}: send at "
                "least one, of 1x1 or more"
            )
        argument, spec = self._signature.image
        values = {argument: _values(images, spec)}
        found = self._client.predict(
            self._signature.name, values, self._signature.wanted
        )
        return saved_models.image_by_image(found, len(images))


def served_finder(address, timeout=None):
    """The Finder of a served model; it has no config and no label map.

    Args and errors: as of ServedModel.
    """
    return Finder(ServedModel(address, timeout), None, None, address)


def _values(images, spec):
    """Images as a signature takes them: pixels, or a list of files."""
    shape = images.shape[:1] if spec.dtype == tf.string else images.shape
    if not spec.shape.is_compatible_with(shape):
        raise UserError(
            f"the model takes images of shape {spec.shape}, not images of shape {shape}"
        )
    if spec.dtype == tf.string:
        return [_file(image) for image in images]
    return images.astype(spec.dtype.as_numpy_dtype)


def _file(image):
    """A PNG file: JPEG would change the pixels, and so what is found."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", compress_level=_PNG_EFFORT)
    return buffer.getvalue()
