"""What an exported signature takes: images, and boxes where the detector wants them."""

import io

import numpy as np
import tensorflow as tf
from PIL import Image

from od_api.config.loading import nearest
from od_api.core.errors import UserError

_PIXELS = (None, None, None, 3)
INPUT_TYPES = {
    "image_tensor": (_PIXELS, tf.uint8),
    "float_image_tensor": (_PIXELS, tf.float32),
    "encoded_image_string_tensor": ((None,), tf.string),
    "tf_example": ((None,), tf.string),
    "image_and_boxes_tensor": (_PIXELS, tf.uint8),
}
# The old API's of TensorFlow 2, and of TensorFlow 1.
INPUT_NAMES = ("input_tensor", "inputs")

# Two boxes for an image, normalised to it: [1, 2, 4].
_BOXES = np.array([[[0, 0, 1, 1], [0.2, 0.3, 0.7, 0.6]]], np.float32)


class SignatureInputs:
    """The arguments of a signature.

    Args:
      input_type: one of INPUT_TYPES.
      input_name: of the argument with the images, one of INPUT_NAMES.
      input_shape: of that argument, if it is pixels: four numbers, -1 where any is
        taken. None takes images of all sizes, and any number of them.

    Attributes:
      kind: the input type.
      are_pixels: the images come decoded.
      has_boxes: there is an argument `boxes`, float32 [B, N, 4], normalised to the
        images.
      specs: [TensorSpec].
      batch: how many images an example has: as many as are wanted, or one.
      empty: what is said where there is no image in a request.

    Raises:
      UserError: there is no such type or name, or the shape is none of images.
    """

    def __init__(
        self,
        input_type="image_tensor",
        input_name=INPUT_NAMES[0],
        input_shape=None,
    ):
        for what, given, known in (
            ("input type", input_type, INPUT_TYPES),
            ("input name", input_name, INPUT_NAMES),
        ):
            if given not in known:
                raise UserError(
                    f"there is no {what} {given!r}; {nearest(given, known)}"
                )
        taken, dtype = INPUT_TYPES[input_type]
        self.kind = input_type
        self.are_pixels = taken == _PIXELS
        self.has_boxes = input_type == "image_and_boxes_tensor"
        if input_shape is not None:
            taken = self._checked(input_shape)
        self.batch = taken[0] or 1
        self.specs = [tf.TensorSpec(taken, dtype, input_name)]
        if self.has_boxes:
            self.specs.append(tf.TensorSpec([taken[0], None, 4], tf.float32, "boxes"))
        self.empty = f"{input_name} is empty: send at least one image, of 1x1 or more"

    def _checked(self, shape):
        if not self.are_pixels:
            raise UserError(
                f"input shape {_listed(shape)}: {self.kind} holds files, whose number "
                "and sizes are free: leave it out"
            )
        try:
            sizes = [int(size) for size in shape]
        except ValueError:
            sizes = []
        right = len(sizes) == 4 and sizes[3] == 3
        if not right or any(size < 1 and size != -1 for size in sizes):
            raise UserError(
                f"input shape {_listed(shape)}: images, height, width and 3 channels "
                "are wanted, -1 where any number is taken: 1,-1,-1,3"
            )
        return tuple(None if size == -1 else size for size in sizes)

    def size_for(self, height, width):
        """(height, width) of an image that is taken: these, where they are free."""
        if not self.are_pixels:
            return height, width
        fixed = self.specs[0].shape[1:3]
        return fixed[0] or height, fixed[1] or width

    def example(self, image):
        """{argument: value} of a request with one uint8 [h, w, 3] image, repeated."""
        found = {self.specs[0].name: as_input(image, self.kind)}
        if self.has_boxes:
            found["boxes"] = tf.constant(_BOXES)
        return {name: tf.repeat(x, self.batch, axis=0) for name, x in found.items()}


def as_input(image, kind):
    """One uint8 [h, w, 3] image as a batch of one, as an input type has it."""
    if INPUT_TYPES[kind][1] == tf.uint8:
        return tf.constant(image[None])
    if kind == "float_image_tensor":
        return tf.constant(image[None], tf.float32)
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    encoded = buffer.getvalue()
    if kind == "encoded_image_string_tensor":
        return tf.constant([encoded])
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[encoded]))
    example = tf.train.Example(
        features=tf.train.Features(feature={"image/encoded": feature})
    )
    return tf.constant([example.SerializeToString()])


def _listed(shape):
    return ",".join(map(str, shape))
