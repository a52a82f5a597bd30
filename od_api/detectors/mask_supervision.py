"""A loss for the mask of foreground that a gated backbone is erased by."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.errors import ConfigError, UserError
from od_api.core.registry import build_field, register
from od_api.core.replicas import sum_over_replicas
from od_api.core.shapes import spatial_shape
from od_api.protos import mask_supervision_pb2

FOREGROUND = ("boxes", "masks")


@register(mask_supervision_pb2.MaskSupervision)
class MaskSupervision:
    """The cross entropy of a mask's cells, which are foreground inside of objects.

    A cell is what its centre is. What lies only in boxes that are ignored or have no
    weight does not count, nor does the padding of images. Each image is divided by its
    cells that count, and the images by their number.

    Args:
      auxiliary: MapSpecs of what the backbone is able to hand out: the mask.
      loss_weight: of the loss.
      foreground: "boxes", their insides, or "masks", those of the objects.

    Attributes:
      level: name of the mask's map.
    """

    def __init__(self, *, auxiliary, loss_weight=1.0, foreground="boxes"):
        self._weight = ranges.at_least("loss_weight", loss_weight)
        if foreground not in FOREGROUND:
            raise ValueError(
                f"foreground is {foreground!r}: take {', '.join(FOREGROUND)}"
            )
        if len(auxiliary.levels) != 1:
            raise ConfigError(
                "teaches a mask, and the backbone has none: use objectness_gate, or "
                "leave it out"
            )
        self._by_masks = foreground == "masks"
        (self.level,) = auxiliary.levels
        self._stride = auxiliary.strides[self.level]

    def losses(self, logits, targets, image_shape):
        """The loss of a batch.

        Args:
          logits: [B, h, w, 2] float32, of background and foreground.
          targets: Targets.
          image_shape: (H, W) of the padded network input.

        Returns:
          {"mask_gate_loss": float32 scalar}; over replicas they add up to the loss of
          the whole batch.

        Raises:
          UserError: the foreground is that of masks, and the input has none.
        """
        wanted, counts = self._wanted(logits, targets, image_shape)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(wanted, logits)
        counts = tf.cast(counts, tf.float32)
        cells = tf.maximum(tf.reduce_sum(counts, axis=[1, 2]), 1.0)
        images = sum_over_replicas(tf.cast(tf.shape(logits)[0], tf.float32))
        of_images = tf.reduce_sum(losses * counts, axis=[1, 2]) / cells
        return {"mask_gate_loss": self._weight * tf.reduce_sum(of_images) / images}

    def _wanted(self, logits, targets, image_shape):
        """([B, h, w] int32, 1 is foreground; [B, h, w] bool, which cells count)."""
        rows, columns = (
            self._stride * (tf.range(size, dtype=tf.float32) + 0.5)
            for size in spatial_shape(logits)
        )
        objects = targets.objects & (targets.weights > 0.0)
        others = targets.valid & ~objects
        if self._by_masks:
            inside = _in_masks(rows, columns, objects, targets.masks, image_shape)
        else:
            inside = _in_boxes(rows, columns, objects, targets.boxes)
        ignored = _in_boxes(rows, columns, others, targets.boxes)
        sizes = tf.cast(targets.true_shapes, tf.float32)
        of_image = (rows < sizes[:, :1])[:, :, None] & (columns < sizes[:, 1:])[:, None]
        return tf.cast(inside, tf.int32), of_image & (inside | ~ignored)


def mask_supervision_of(message, backbone):
    """The MaskSupervision of a detector's message, or None."""
    if not message.HasField("mask_supervision"):
        return None
    return build_field(message, "mask_supervision", auxiliary=backbone.auxiliary)


def mask_losses(supervision, predictions, targets):
    """The losses of Predictions that have a mask's logits; none without a supervision.

    Evaluation, which hands no targets to a detector's call, has none either.
    """
    if supervision is None or predictions.gate_logits is None:
        return {}
    return supervision.losses(predictions.gate_logits, targets, predictions.image_shape)


def _in_boxes(rows, columns, taken, boxes):
    """[h], [w], [B, G] bool, [B, G, 4] -> [B, h, w] bool: in any box that is taken."""
    top, left, bottom, right = tf.unstack(boxes[..., None], axis=-2)
    high = tf.cast((rows > top) & (rows < bottom) & taken[..., None], tf.float32)
    wide = tf.cast((columns > left) & (columns < right), tf.float32)
    return tf.einsum("bgh,bgw->bhw", high, wide) > 0.0


def _in_masks(rows, columns, taken, masks, image_shape):
    """[h], [w], [B, G] bool, [B, G, H, W] -> [B, h, w] bool: in any mask."""
    if masks is None:
        raise UserError(
            "mask_supervision takes the foreground from masks and the input has none: "
            "set load_instance_masks: true (and mask_type) in train_input_reader, or "
            "foreground: boxes"
        )
    places = []
    sizes = tf.unstack(tf.shape(masks)[2:])
    for x, size, side in zip((rows, columns), sizes, image_shape, strict=True):
        shares = x / tf.cast(side, tf.float32)
        place = tf.cast(shares * tf.cast(size, tf.float32), tf.int32)
        # Cells beyond the masks are in the padding.
        places.append(tf.minimum(place, size - 1))
    there = tf.gather(tf.gather(masks, places[0], axis=2), places[1], axis=3)
    return tf.reduce_any((there > 0) & taken[..., None, None], axis=1)
