"""Weights of a TensorFlow Lite model, float or quantised, by TensorFlow 1's names."""

import re
import warnings

import numpy as np
import tensorflow as tf

from od_api.core.errors import UserError
from od_api.core.printable import printable

# What converters put behind the scope of a convolution.
_TAIL = re.compile(
    r"/(weights_quant|weights|depthwise_weights|pointwise_weights|Conv2D|depthwise"
    r"|separable_conv2d|BatchNorm|BiasAdd|biases|Relu6?|read|MatMul)(_|/|:|;|$).*"
)
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def read(path):
    """{name: float32 array} of a model's convolutions, in TensorFlow's order of axes.

    Batch norm is folded into them, so that a scope has `weights` and `biases` alone.
    Quantised numbers are turned into those that they stand for.

    Raises:
      UserError: it cannot be read, or keeps no weights with its convolutions.
    """
    try:
        with warnings.catch_warnings():
            # It is to move to a package of its own, but is here still.
            warnings.simplefilter("ignore", UserWarning)
            model = tf.lite.Interpreter(path)
    except (ValueError, RuntimeError) as error:
        raise UserError(
            f"{printable(path)} is a damaged TensorFlow Lite model: "
            f"{printable(str(error).splitlines()[0])}"
        ) from error
    details = {one["index"]: one for one in model.get_tensor_details()}
    arrays = {}
    for operation in model._get_ops_details():
        if operation["op_name"] not in _CONVOLUTIONS:
            continue
        _, kernel, *bias = [int(i) for i in operation["inputs"]]
        weights = _floats(model, details[kernel])
        if weights is None:
            continue
        scope, name = _TAIL.sub("", details[kernel]["name"]), "weights"
        if operation["op_name"] == "DEPTHWISE_CONV_2D":
            name, weights = "depthwise_weights", weights.transpose(1, 2, 3, 0)
        elif weights.ndim == 4:
            weights = weights.transpose(1, 2, 3, 0)
        else:
            weights = weights.T
        arrays[f"{scope}/{name}"] = weights
        if bias and bias[0] >= 0:
            arrays[f"{scope}/biases"] = _floats(model, details[bias[0]])
    return {name: value for name, value in arrays.items() if value is not None}


def _floats(model, detail):
    """The numbers that a constant stands for, or None where it is none."""
    try:
        raw = model.get_tensor(detail["index"])
    except ValueError:
        return None
    parameters = detail["quantization_parameters"]
    scales, zeros = parameters["scales"], parameters["zero_points"]
    if raw.dtype.kind == "f" or not len(scales):
        return raw.astype(np.float32)
    shape = [1] * raw.ndim
    if raw.ndim:
        shape[parameters["quantized_dimension"]] = len(scales)
    values = raw.astype(np.float64) - zeros.reshape(shape)
    return (values * scales.reshape(shape)).astype(np.float32)
