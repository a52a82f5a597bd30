"""The records that parts hand to each other, and the letters of every docstring.

Legend
  B  images in a batch            A  anchors of all levels
  G  padded ground-truth boxes    K  classes without background
  P  proposals                    N  kept boxes
  H, W  height and width of the padded network input; h, w of a feature map

Boxes are `[ymin, xmin, ymax, xmax]`, float32, in pixels of the padded network input.
Class ids are 0-based here and 1-based in files. Padding rows of boxes are all zero.
"""

from typing import Any, NamedTuple

import tensorflow as tf


class Targets(NamedTuple):
    """Ground truth of a batch, padded to G boxes an image.

    Attributes:
      boxes: [B, G, 4] float32.
      classes: [B, G] int32, 0-based; 0 in padding.
      weights: [B, G] float32; 0 in padding: such a box is neither matched by force nor
        does an anchor matched to it count.
      valid: [B, G] bool; False in padding.
      true_shapes: [B, 2] int32, height and width of the image inside the padding.
      masks: [B, G, H, W] uint8, 0 or 1, of the whole network input; None where the
        input does not read masks.
      longest: int32 scalar: behind so many boxes every image has padding alone; None
        where shapes must be static, as XLA needs them.
    """

    boxes: tf.Tensor
    classes: tf.Tensor
    weights: tf.Tensor
    valid: tf.Tensor
    true_shapes: tf.Tensor
    masks: Any = None
    longest: Any = None

    def with_longest(self):
        """The same with `longest`, so that parts may leave the rest alone."""
        positions = tf.range(1, tf.shape(self.valid)[1] + 1)
        longest = tf.reduce_max(tf.where(self.valid, positions, 0))
        # The maximum of nothing is the least of all numbers.
        return self._replace(longest=tf.maximum(longest, 0))


class Assignment(NamedTuple):
    """Which ground-truth box each anchor answers for.

    Attributes:
      gt_index: [B, A] int32 index into G; 0 where the label is not 1.
      label: [B, A] int32: 1 positive, 0 negative, -1 ignored.
      quality: [B, A] float32 similarity with the best box; 0 where there is none.
    """

    gt_index: tf.Tensor
    label: tf.Tensor
    quality: tf.Tensor

    def take(self, rows):
        """[B, G, ...] of ground truth -> [B, A, ...], each anchor's; 0 if G is 0."""
        if not rows.shape[1]:
            # A gather out of nothing is an error in TensorFlow.
            rows = tf.pad(rows, [[0, 0], [0, 1], *[[0, 0]] * (rows.shape.rank - 2)])
        return tf.gather(rows, self.gt_index, batch_dims=1)


class AnchorLosses(NamedTuple):
    """What a sampler may look at to choose anchors, one number an anchor.

    Attributes:
      classification: [B, A] float32, summed over classes, weighted as in the total.
      localization: [B, A] float32, summed over the code, weighted as in the total.
      boxes: [B, A, 4] decoded boxes.
    """

    classification: tf.Tensor
    localization: tf.Tensor
    boxes: tf.Tensor


class Predictions(NamedTuple):
    """Raw outputs of a single-stage network.

    Attributes:
      class_logits: [B, A, K] or, with a background class in front, [B, A, K + 1].
      box_codes: [B, A, 4], as the box coder encodes.
      anchors: [A, 4].
      image_shape: (H, W) of the padded network input, Python ints or int32 scalars.
      true_shapes: [B, 2] int32, height and width of each image inside the padding.
      extras: further head outputs by name.
    """

    class_logits: tf.Tensor
    box_codes: tf.Tensor
    anchors: tf.Tensor
    image_shape: Any
    true_shapes: tf.Tensor
    extras: dict


class Detections(NamedTuple):
    """Final boxes of a batch, best score first, zero-padded to N.

    Attributes:
      boxes: [B, N, 4] float32.
      scores: [B, N] float32 in 0..1.
      classes: [B, N] int32, 0-based.
      count: [B] int32, how many of the N are real.
      anchor_indices: [B, N] int32, the anchor (or proposal) each box came from.
      masks: [B, N, mh, mw] float32 probabilities, each for the inside of its box; None
        of a detector that predicts none.
    """

    boxes: tf.Tensor
    scores: tf.Tensor
    classes: tf.Tensor
    count: tf.Tensor
    anchor_indices: tf.Tensor
    masks: Any = None
