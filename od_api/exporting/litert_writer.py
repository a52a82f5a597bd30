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
from od_api.exporting import int8_litert
from od_api.exporting.fitted_images import fitting
from od_api.system.extras import needed

needed("ai_edge_litert.interpreter", litert_engine.EXTRA, "ai-edge-litert")


def write(module, folder, metadata, images=(), in_float=()):
    """Writes model.tflite of a ServingModule, whose detector has its static form.

    Args:
      module: ServingModule that takes pixels of a known size, one image at a time.
      folder: that is there.
      metadata: {key: text} to keep in the model; of FLOAT16 weights have half the
        bytes.
      images: CalibrationImages, for INT8.
      in_float: layers that stay in float32 then, as of WeightedLayers.chosen.

    Returns:
      The LitertModel of what was written.

    Raises:
      UserError: the graph has what LiteRT cannot say, or the images do not fit.
    """
    function = module.__call__.get_concrete_function()
    path = folder / litert_engine.FILE_NAME
    content = _converted(module, function, metadata.get(PRECISION) == FLOAT16)
    is_raw = RAW_OUTPUT in function.structured_outputs
    litert_engine.write(path, content, metadata)
    if metadata.get(PRECISION) == INT8:
        model = LitertModel(path, is_raw=is_raw)
        fitted = _fitted(images, model)
        name = module.specs[0].name
        content = int8_litert.quantized(content, name, fitted, in_float)
        litert_engine.write(path, content, metadata)
    return LitertModel(path, is_raw=is_raw)


def _converted(module, function, in_half):
    """The flatbuffer, bytes; weights of half the bytes, where wanted."""
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if in_half:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    try:
        return converter.convert()
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
