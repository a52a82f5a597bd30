"""One of the ways in which a pyramid shows an image to its detector."""

from typing import Any, NamedTuple

import tensorflow as tf

from od_api.core import boxes as box_ops
from od_api.core import ranges


class View(NamedTuple):
    """An image at one size, perhaps mirrored, and which boxes count there.

    Attributes:
      resizer: of that size.
      low, high: the range of the sizes of boxes, both included.
      mirrored: left to right.
    """

    resizer: Any
    low: float = 0.0
    high: float = ranges.LARGEST
    mirrored: bool = False

    @property
    def has_range(self):
        """Whether there are sizes that do not count."""
        return self.low > 0.0 or self.high < ranges.LARGEST

    def show(self, images, true_shapes, is_resized):
        """What the detector sees.

        Args:
          images: [B, H, W, 3] float32, those of the largest size, padded.
          true_shapes: [B, 2] int32, height and width inside the padding.
          is_resized: this view is of that size.

        Returns:
          (images [B, h, w, 3], true shapes [B, 2]) of this view.
        """
        if not is_resized:
            images, true_shapes = _resized(images, true_shapes, self.resizer)
        if self.mirrored:
            widths = true_shapes[:, 1]
            images = tf.reverse_sequence(images, widths, seq_axis=2, batch_axis=0)
        return images, true_shapes

    def put_back(self, boxes, shapes, true_shapes):
        """[B, ..., 4] boxes in this view's pixels -> in those of the largest size.

        Args:
          boxes: as the detector gives them.
          shapes: [B, 2], this view's images inside the padding.
          true_shapes: [B, 2], those of the largest size.
        """
        if self.mirrored:
            boxes = box_ops.mirror(boxes, _like(shapes[:, 1], boxes))
        return _scaled(boxes, shapes, true_shapes)

    def bring(self, boxes, shapes, true_shapes):
        """The inverse of `put_back`."""
        boxes = _scaled(boxes, true_shapes, shapes)
        if self.mirrored:
            boxes = box_ops.mirror(boxes, _like(shapes[:, 1], boxes))
        return boxes


def largest(views):
    """The place of the unmirrored view with the most pixels."""
    shapes = tf.constant([[1000, 1000], [1000, 2000], [1000, 4000]])
    areas = [
        () if view.mirrored else tuple(tf.reduce_prod(size, axis=1).numpy())
        for view in views
        for size in [_sizes(view.resizer, shapes)]
    ]
    return areas.index(max(areas))


def _sizes(resizer, shapes):
    return resizer.size_of(shapes) if hasattr(resizer, "size_of") else shapes


def _resized(images, true_shapes, resizer):
    """A batch whose every image, without its padding, is resized once more."""
    sizes = resizer.size_of(true_shapes)
    common = resizer.output_shape or tf.unstack(tf.reduce_max(sizes, axis=0))

    def one(inputs):
        image, (height, width) = inputs[0], tf.unstack(inputs[1])
        small, _ = resizer(image[:height, :width])
        room = tf.convert_to_tensor(common) - tf.shape(small)[:2]
        return tf.pad(small, [[0, room[0]], [0, room[1]], [0, 0]])

    spec = tf.TensorSpec([*(resizer.output_shape or (None, None)), 3], tf.float32)
    resized = tf.map_fn(one, (images, true_shapes), fn_output_signature=spec)
    return resized, sizes


def _scaled(boxes, old, new):
    if old is new:
        return boxes
    factors = tf.cast(new, tf.float32) / tf.cast(old, tf.float32)
    return box_ops.scale(
        boxes, _like(factors[:, 0], boxes), _like(factors[:, 1], boxes)
    )


def _like(values, boxes):
    """[B] -> [B, 1, ...] float32 that broadcasts over boxes [B, ..., 4]."""
    shape = [-1] + [1] * (boxes.shape.rank - 2)
    return tf.reshape(tf.cast(values, tf.float32), shape)
