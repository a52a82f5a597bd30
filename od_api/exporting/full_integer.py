"""Heads of a detector as a LiteRT model of integers alone, images and outputs included.

What TFLite calls full-integer quantisation, with inference_input_type and
inference_output_type: compilers for Edge TPUs and other chips want it. TensorFlow's own
converter makes it, of the ranges that calibration images have.
"""

import numpy as np
import tensorflow as tf

from od_api.core.errors import UserError

TYPES = ("uint8", "int8")
# Those of `raw_form`, without what is the same for every image.
_OUTPUTS = ("box_encodings", "class_scores")


def converter_of(module, images, kind):
    """A converter that makes it.

    Args:
      module: ServingModule of `raw_form` that takes uint8 images of a known size.
      images: iterable of uint8 [1, H, W, 3] of that size, for calibration.
      kind: one of TYPES, of images and outputs.

    Raises:
      UserError: the images of that size are padded.
    """
    whole = module.of_floats()
    _refuse_padding(whole)

    @tf.function(input_signature=whole.specs, autograph=False)
    def heads(input_tensor):
        outputs = whole.__call__(input_tensor)
        return {name: outputs[name] for name in _OUTPUTS}

    function = heads.get_concrete_function()
    made = tf.lite.TFLiteConverter.from_concrete_functions([function], whole)
    made.optimizations = [tf.lite.Optimize.DEFAULT]
    made.representative_dataset = lambda: map(_sample, _with_whole_range(images))
    made.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    made.inference_input_type = made.inference_output_type = getattr(tf, kind)
    return made


def _refuse_padding(module):
    """Padding would have to be said with every image, and there is no such output."""
    (spec,) = module.specs
    outputs = module.__call__(tf.zeros(spec.shape))
    true_shape, network = outputs["true_shapes"][0].numpy(), module.network_shape
    if tuple(true_shape) != tuple(network):
        raise UserError(
            "--full-integer writes networks whose whole input is the image, and this "
            f"one pads it to {network[0]}x{network[1]}: name an --image-size of these "
            "proportions, or set fixed_shape_resizer"
        )


def _with_whole_range(images):
    """The images, the first one with a black and a white pixel: so the step of the
    input is one, and pixels go in as they are."""
    for i, image in enumerate(images):
        if i == 0:
            image = image.copy()
            image[0, 0, 0], image[0, -1, -1] = 0, 255
        yield image


def _sample(image):
    return [image.astype(np.float32)]
