"""A detector as a LiteRT (TFLite) model: network, decoding and suppression in one file.

TensorFlow's converter brings the static form of the graph over, with operators that
every LiteRT runtime has: none of TensorFlow's own ("flex"), and no custom one.
Importing this raises UserError where the extra is not installed.
"""

import tensorflow as tf

from od_api.core.errors import UserError
from od_api.engines import litert_engine
from od_api.engines.artefacts import FLOAT16, INT8, PRECISION, RAW_OUTPUT
from od_api.engines.litert_engine import LitertModel
from od_api.exporting import full_integer as integers
from od_api.exporting import int8_litert
from od_api.exporting.fitted_images import fitting
from od_api.exporting.half_weights import with_half_weights
from od_api.system.extras import needed

needed("ai_edge_litert.interpreter", litert_engine.EXTRA, "ai-edge-litert")


def write(module, folder, metadata, images=(), full_integer=None, **of_int8):
    """Writes model.tflite of a ServingModule, whose detector has its static form.

    Args:
      module: ServingModule that takes pixels of a known size, one image at a time.
      folder: that is there.
      metadata: {key: text} to keep in the model; of FLOAT16 kernels have half the
        bytes.
      images: CalibrationImages, for INT8.
      full_integer: one of `full_integer.TYPES`, of INT8 with images and outputs; None:
        these stay as they are, and heads in float32.
      of_int8: further arguments of int8_litert.quantized, for INT8.

    Returns:
      The LitertModel of what was written.

    Raises:
      UserError: the graph has what LiteRT cannot say, or the images do not fit.
    """
    function = module.__call__.get_concrete_function()
    path = folder / litert_engine.FILE_NAME
    content = _converted(_converter_of(module, function))
    if metadata.get(PRECISION) == FLOAT16:
        content = with_half_weights(content)
    is_raw = RAW_OUTPUT in function.structured_outputs
    litert_engine.write(path, content, metadata)
    if metadata.get(PRECISION) == INT8:
        fitted = _fitted(images, LitertModel(path, is_raw=is_raw))
        if full_integer:
            made = integers.converter_of(module, list(fitted), full_integer)
            content = _converted(made)
        else:
            name = module.specs[0].name
            content = int8_litert.quantized(content, name, fitted, **of_int8)
        litert_engine.write(path, content, metadata)
    return LitertModel(path, is_raw=is_raw)


def _converter_of(module, function):
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return converter


def _converted(converter):
    """The flatbuffer, bytes."""
    try:
        return bytes(converter.convert())
    except Exception as error:  # of many kinds, without a common one
        raise UserError(
            f"this detector cannot be written for LiteRT: {_reason(error)}"
        ) from error


def _fitted(images, model):
    """Yields calibration images as the model takes them."""
    fit = fitting(model)
    for image in images:
        fitted = fit(image)
        if fitted.shape[1:] != model.image_shape[1:]:
            height, width, _ = model.image_shape[1:]
            raise UserError(
                f"the records' images, of shape {image.shape[1:]}, do not fit a model "
                f"for {height}x{width} pixels (height x width) as they are, and can be "
                "resized for fixed_shape_resizer alone, without --image-size: set it, "
                "or another --precision"
            )
        yield fitted


def _reason(error):
    """The operators that are missing, which stand behind a page of places."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    named = [line for line in lines if line.startswith(("TF Select ops", "Custom ops"))]
    return (named or lines or [type(error).__name__])[0][:300]
