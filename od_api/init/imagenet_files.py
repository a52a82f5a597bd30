"""Files of ImageNet weights that Keras publishes, and which of them are here."""

import os
from pathlib import Path
from typing import NamedTuple

from od_api.core.errors import UserError

_URL = "https://storage.googleapis.com/tensorflow/keras-applications/"
_KERNELS = "weights_tf_dim_ordering_tf_kernels"


class ImagenetFile(NamedTuple):
    """One file.

    Attributes:
      name: as Keras keeps it.
      url: where Keras downloads it.
      megabytes: about how large it is.
    """

    name: str
    url: str
    megabytes: int

    def cached(self):
        """Path of Keras' own copy, or None."""
        home = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
        path = Path(home) / "models" / self.name
        return path if path.is_file() else None

    def fetched(self):
        """Path of Keras' copy, downloaded now.

        Raises:
          UserError: it cannot be had.
        """
        import keras

        try:
            path = keras.utils.get_file(self.name, self.url, cache_subdir="models")
        except Exception as error:  # Keras raises a bare one for a failed download
            raise UserError(
                f"the ImageNet weights cannot be downloaded from {self.url}: name a "
                "file of them with --weights FILE, or train from random weights with "
                "--weights none"
            ) from error
        return Path(path)


def imagenet_file(backbone):
    """The ImagenetFile of a Backbone message, or None where Keras has none."""
    name = backbone.WhichOneof("backbone_oneof")
    make = _FILES.get(name)
    return make(getattr(backbone, name)) if make else None


def _mobilenet_v1(part):
    depth = {1.0: "1_0", 0.75: "7_5", 0.5: "5_0", 0.25: "2_5"}.get(
        round(part.depth_multiplier, 4)
    )
    name = f"mobilenet_{depth}_224_tf_no_top.h5"
    return ImagenetFile(name, f"{_URL}mobilenet/{name}", 17) if depth else None


def _mobilenet_v2(part):
    depth = round(part.depth_multiplier, 4)
    if depth not in (0.35, 0.5, 0.75, 1.0, 1.3, 1.4):
        return None
    name = f"mobilenet_v2_{_KERNELS}_{depth}_224_no_top.h5"
    return ImagenetFile(name, f"{_URL}mobilenet_v2/{name}", 9)


def _resnet(part):
    name = f"resnet{part.depth}_{_KERNELS}_notop.h5"
    megabytes = {50: 95, 101: 171, 152: 235}[part.depth]
    return ImagenetFile(name, f"{_URL}resnet/{name}", megabytes)


def _plain(network, megabytes):
    def make(part):
        name = f"{network}_{_KERNELS}_notop.h5"
        return ImagenetFile(name, f"{_URL}{network}/{name}", megabytes)

    return make


_FILES = {
    "mobilenet_v1": _mobilenet_v1,
    "mobilenet_v2": _mobilenet_v2,
    "resnet": _resnet,
    "vgg16": _plain("vgg16", 59),
    "inception_v3": _plain("inception_v3", 88),
    "inception_resnet_v2": _plain("inception_resnet_v2", 219),
}
