"""Weights of keras.applications networks, from files, by the names of the layers."""

import os

import h5py
import numpy as np
from absl import logging

from od_api.core.errors import ConfigError, UserError


def load_file(network, path, optional=(), in_order=False):
    """Sets a network's weights from a file.

    Args:
      network: a functional model whose layers have their keras.applications names.
      path: an .h5 file as keras.applications publishes them, with or without the
        classifier, or a .weights.h5 that Keras 3 saved from the same network.
      optional: names of layers that stay random where the file has none of their
        name or other shapes.
      in_order: layers are matched by their order instead of by their names, for
        networks most of whose layers have names that Keras counted up.

    Raises:
      UserError: no such file, not a file of weights, or one of another network.
    """
    path = os.fspath(path)
    if not os.path.isfile(path):
        raise UserError(f"{path}: no such file of weights")
    if path.endswith(".weights.h5"):
        _load_keras3_file(network, path, optional)
        return
    try:
        arrays = _read_h5(path)
    except (OSError, KeyError) as error:
        raise UserError(f"{path} is not an HDF5 file of Keras weights") from error
    assign(network, _ordered(network, arrays, in_order), path, optional)


def copy_weights(network, donor, optional=(), in_order=False):
    """Sets a network's weights from a `keras.Model` with layers of the same names."""
    arrays = {layer.name: layer.get_weights() for layer in donor.layers}
    assign(network, _ordered(network, arrays, in_order), donor.name, optional)


def assign(network, arrays, source, optional=()):
    """Sets a network's weights.

    Args:
      network: a functional model.
      arrays: {layer name: arrays in the layer's order}; further names are no matter.
      source: what the arrays come from, for messages.
      optional: names of layers that stay random where there are none of their name,
        or other shapes.

    Raises:
      UserError: a layer is missing or has other shapes; nothing is set then.
    """
    layers = [layer for layer in network.layers if layer.weights]
    missing = [layer for layer in layers if layer.name not in arrays]
    fatal = [layer.name for layer in missing if layer.name not in optional]
    if fatal:
        raise UserError(
            f"{source} has no weights for {_some(fatal)}: they are those of another "
            "network"
        )
    present = [layer for layer in layers if layer.name in arrays]
    different = [x for x in present if _shapes(arrays[x.name]) != _shapes(_own(x))]
    fatal = [x for x in different if x.name not in optional]
    if fatal:
        raise UserError(_shape_message(source, fatal[0], arrays[fatal[0].name]))
    for layer in present:
        if layer not in different:
            for variable, array in zip(_own(layer), arrays[layer.name], strict=True):
                variable.assign(array)
    for kept, reason in ((different, "their depth differs"), (missing, "not in there")):
        if kept:
            names = _some([layer.name for layer in kept])
            logging.info("%s: %s keep random weights, %s", source, names, reason)


def load_initial(network, weights, imagenet_donor, optional=(), in_order=False):
    """What the `weights` field of a backbone asks for.

    Args:
      network: the functional model to set.
      weights: "" leaves it random, "imagenet" takes the donor's, else a file's path.
      imagenet_donor: a function that makes the keras.applications model with its
        ImageNet weights (Keras downloads them once, into KERAS_HOME).
      optional: names of layers that stay random where there are none of their name,
        or other shapes.
      in_order: see `load_file`.

    Raises:
      ConfigError: at `weights`.
    """
    try:
        if weights == "imagenet":
            copy_weights(network, _made(imagenet_donor), optional, in_order)
        elif weights:
            load_file(network, weights, optional, in_order)
    except UserError as error:
        raise ConfigError(str(error), "weights") from error


def _ordered(network, arrays, in_order):
    """`arrays` under the names that the network's layers have."""
    if not in_order:
        return arrays
    names = [layer.name for layer in network.layers if layer.weights]
    # A file may go on where the network ends: it may have the classifier.
    return dict(zip(names, filter(len, arrays.values()), strict=False))


def _made(donor):
    try:
        return donor()
    except Exception as error:
        # Keras raises a bare Exception for a failed download and ValueError for a
        # depth without published weights.
        raise UserError(
            f"Keras has no ImageNet weights for this network: {error} "
            "A file can be named instead of 'imagenet'"
        ) from error


def _load_keras3_file(network, path, optional):
    # These files go by the order of the layers, so that none can be left out among
    # others; a network of nothing else may stay random.
    names = {layer.name for layer in network.layers if layer.weights}
    try:
        network.load_weights(path, skip_mismatch=names <= set(optional))
    except (ValueError, OSError, KeyError) as error:
        raise UserError(f"{path} does not fit this network: {error}") from error


def _read_h5(path):
    with h5py.File(path, "r") as file:
        group = file.get("model_weights", file)
        if "layer_names" not in group.attrs:
            raise KeyError("layer_names")
        return {
            name: _layer_arrays(group[name]) for name in _strings(group, "layer_names")
        }


def _layer_arrays(group):
    return [np.asarray(group[name]) for name in _strings(group, "weight_names")]


def _strings(group, attribute):
    values = group.attrs[attribute]
    return [v.decode() if isinstance(v, bytes) else str(v) for v in values]


def _own(layer):
    """The variables of a layer that files have; a layer may have more."""
    return getattr(layer, "published_weights", layer.weights)


def _shapes(values):
    return [tuple(value.shape) for value in values]


def _shape_message(source, layer, arrays):
    return (
        f"{source} does not fit: layer {layer.name} has shapes "
        f"{_shapes(_own(layer))} here and {_shapes(arrays)} there; see "
        "depth_multiplier, min_depth and conv_hyperparams.batch_norm.scale"
    )


def _some(names):
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if names[4:] else "")
