"""Which weights a detector starts from, and what the config must say for them."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

import h5py

from od_api.checkpoints.fine_tune import is_keras_weights, refuse_missing
from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.init.detector_choices import choices, model_of
from od_api.init.imagenet_files import imagenet_file
from od_api.init.typed_extractor import typed_backbone
from od_api.protos import train_pb2

_FOLDER = "weights"
IMAGENET, NONE = "imagenet", "none"
# A layer that only this network has, and its kernel's depth by depth multiplier.
_V1 = ("conv_dw_1", "conv1", {32: 1.0, 24: 0.75, 16: 0.5, 8: 0.25})
_V2_DEPTHS = {320: 1.0, 112: 0.35, 160: 0.5, 240: 0.75, 416: 1.3, 448: 1.4}
_V2 = ("block_16_project", "block_16_project", _V2_DEPTHS)


class Weights(NamedTuple):
    """What training starts from.

    Attributes:
      path: absolute, of a file or a checkpoint, or within the folder that they were
        kept in; "" for random weights.
      kind: fine_tune_checkpoint_type.
      depth_multiplier: what the file is of; None where the detector's own holds.
      note: a sentence for the user.
    """

    path: str = ""
    kind: str = ""
    depth_multiplier: float | None = None
    note: str = ""

    def within(self, folder):
        """The same, of the folder that they were kept in."""
        return self._replace(path=str(folder / self.path)) if self.path else self


def kept_weights(weights, folder):
    """Weights that go with a folder: a file of Keras' is copied into it.

    A checkpoint stays where it is: nobody knows how many files it has, or how large.

    Args:
      weights: Weights, with an absolute path.
      folder: Path of a folder that exists.

    Returns:
      Weights whose path is relative to `folder` where there is a copy.
    """
    if not weights.path or not is_keras_weights(weights.path):
        return weights
    copy = Path(_FOLDER, os.path.basename(weights.path))
    (folder / _FOLDER).mkdir()
    shutil.copyfile(weights.path, folder / copy)
    return weights._replace(path=str(copy))


def chosen_weights(wanted, choice, say=print):
    """The Weights of a detector.

    Args:
      wanted: IMAGENET, NONE, or the path of a file of Keras weights or of a checkpoint.
      choice: the detector's `Choice`.
      say: called with a sentence before something is downloaded.

    Raises:
      UserError: there is no such file, it is one of another network, or it cannot be
        downloaded.
    """
    if wanted == NONE:
        return Weights(note="random weights, as asked for: expect much less of them")
    backbone = typed_backbone(model_of(choice.config()))
    if wanted == IMAGENET:
        return _imagenet(backbone, choice, say)
    settings = train_pb2.TrainConfig(fine_tune_checkpoint=wanted)
    try:
        refuse_missing(settings)
    except UserError as error:
        raise UserError(f"--weights: {error.message}") from error
    path = os.path.abspath(wanted)
    if not is_keras_weights(wanted):
        return Weights(path, "detection", None, f"what fits of {printable(wanted)}")
    return _of_keras(path, backbone, choice)


def _imagenet(backbone, choice, say):
    file = imagenet_file(backbone)
    if file is None:
        raise UserError(
            f"Keras publishes no ImageNet weights for {choice.name}: name a file or a "
            "checkpoint with --weights FILE, train from random weights with --weights "
            "none, or choose another detector"
        )
    path = file.cached()
    if path is None:
        say(
            f"downloading ImageNet weights, about {file.megabytes} MB, from {file.url} "
            "(--weights none goes without, --weights FILE takes yours)"
        )
        path = file.fetched()
    return Weights(str(path), "classification", None, "ImageNet weights of Keras")


def _of_keras(path, backbone, choice):
    """The Weights of a file of Keras weights, whose network is told by its layers."""
    shapes = _layer_depths(path)
    ours = _network_of(backbone)
    theirs = _told(shapes)
    if shapes and theirs and theirs[0] != ours:
        fitting = [c.name for c in choices().values() if _is_of(c, theirs[0])]
        names = ", ".join(fitting) or "none of them"
        raise UserError(
            f"{printable(path)} holds weights of {theirs[0]}, and {choice.name} has "
            f"{ours} inside; detectors with {theirs[0]}: {names}"
        )
    depth = theirs[1] if theirs else None
    width = f", depth_multiplier {depth:g}" if depth and depth != 1.0 else ""
    note = f"Keras' weights of {ours}{width}"
    return Weights(path, "classification", depth, note)


def _is_of(choice, network):
    return _network_of(typed_backbone(model_of(choice.config()))) == network


def _network_of(backbone):
    """What the network in a Backbone message is called: `mobilenet_v2`, `resnet50`."""
    name = backbone.WhichOneof("backbone_oneof")
    return f"resnet{backbone.resnet.depth}" if name == "resnet" else name


def _told(shapes):
    """(network, depth multiplier or None) by the layers of a file; None if unknown."""
    for network, (own, layer, depths) in (("mobilenet_v1", _V1), ("mobilenet_v2", _V2)):
        if own in shapes:
            return network, depths.get(shapes.get(layer))
    if "conv2_block1_1_conv" in shapes:
        deepest = {"conv4_block36_1_conv": 152, "conv4_block23_1_conv": 101}
        depth = next((d for layer, d in deepest.items() if layer in shapes), 50)
        return f"resnet{depth}", None
    for layer, network in (
        ("block5_conv3", "vgg16"),
        ("conv_7b", "inception_resnet_v2"),
        ("mixed10", "inception_v3"),
    ):
        if layer in shapes:
            return network, None
    return None


def _layer_depths(path):
    """{layer: depth of its kernel, or 0}; empty of files that do not name layers."""
    with h5py.File(path, "r") as file:
        group = file.get("model_weights", file)
        names = group.attrs.get("layer_names", ())
        names = [n.decode() if isinstance(n, bytes) else str(n) for n in names]
        return {name: _depth(group.get(name)) for name in names}


def _depth(group):
    """The last side of the first array that a group holds."""
    found = []

    def look(_, item):
        if not found and isinstance(item, h5py.Dataset) and item.shape:
            found.append(item.shape[-1])

    if isinstance(group, h5py.Group):
        group.visititems(look)
    return found[0] if found else 0
