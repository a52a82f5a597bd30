"""Second stages: from a feature map and proposals to classes and boxes.

Faster R-CNN crops the map and runs the rest of the network on every crop; R-FCN runs
it once on the whole map and crops position-sensitive score maps. The detector does not
know which of them it has.
"""

from typing import Any, NamedTuple

import tensorflow as tf

from od_api.core.types import prior_boxes


class RegionOutputs(NamedTuple):
    """What a second stage says of every proposal.

    Attributes:
      class_logits: [B, P, K + 1] float32, background first.
      box_codes: [B, P, Q, 4] float32; Q is K, or 1 where the classes share a box.
      features: [B * P, h, w, C] that masks are predicted from; None for R-FCN.
    """

    class_logits: tf.Tensor
    box_codes: tf.Tensor
    features: Any = None


class CroppedRegions:
    """Faster R-CNN (Ren et al., NIPS 2015): crop, pool, network, predictor.

    Args:
      head: [M, h, w, C] -> {"class_logits": [M, K + 1], "box_codes": [M, Q, 4]}.
      network: [M, h, w, C] -> [M, h', w', C'], the rest of the extractor.
      operator: (maps, priors, image_shape, size) -> [B, P, *size, C].
      crop_size: side of a crop before pooling.
      pool_size: side of the max-pooling window; 1 pools nothing.
      pool_stride: its stride.
    """

    def __init__(
        self, *, head, network, operator, crop_size, pool_size=1, pool_stride=1
    ):
        if crop_size < 1:
            raise ValueError(
                f"initial_crop_size is {crop_size}; set the side of the crops that the "
                "second stage works on, e.g. 14"
            )
        self.head = head
        self.network = network
        self.crop_size = crop_size
        self.pool_size = pool_size
        self.pool_stride = pool_stride
        self.operator = operator

    def build(self, maps):
        """Creates the head's variables, for regions of those maps (MapSpecs)."""
        side = (self.crop_size - self.pool_size) // self.pool_stride + 1
        shape = (None, side, side, next(iter(maps.channels.values())))
        if not self.network.built:
            self.network.build(shape)
        self.head.build(self.network.compute_output_shape(shape))

    def __call__(self, features, priors, image_shape, training=False):
        """{level: map}, Priors or boxes [B, P, 4] -> RegionOutputs."""
        regions = self.features(features, priors, image_shape, training)
        boxes = prior_boxes(priors)
        outputs = self.head(regions, training=training)
        return RegionOutputs(
            class_logits=_by_image(outputs["class_logits"], boxes),
            box_codes=_by_image(outputs["box_codes"], boxes),
            features=regions,
        )

    def features(self, features, priors, image_shape, training=False):
        """{level: map}, Priors or boxes -> [B * P, h, w, C] after the network."""
        crops = self.operator(features, priors, image_shape, [self.crop_size] * 2)
        crops = tf.reshape(crops, [-1, *crops.shape[2:]])
        if self.pool_size > 1 or self.pool_stride > 1:
            crops = tf.nn.max_pool2d(crops, self.pool_size, self.pool_stride, "VALID")
        return self.network(crops, training=training)


class PositionSensitiveRegions:
    """R-FCN (Dai et al., NIPS 2016): network on the whole map, then score maps.

    Args:
      head: (map, boxes, image_shape) -> {"class_logits": [B, P, K + 1], "box_codes":
        [B, P, Q, 4]}, the score maps and their crops.
      network: [B, h, w, C] -> [B, h', w', C'], the rest of the extractor; None: the
        head reads the map as it is.
      operator: a region operator; its `position_sensitive` reads the score maps.

    Raises:
      ValueError: the operator cannot read score maps.
    """

    def __init__(self, *, head, network, operator):
        if not hasattr(operator, "position_sensitive"):
            raise ValueError(
                "cannot read position-sensitive score maps, whose every bin has "
                "channels of its own: choose another operator, or a head that reads "
                "regions"
            )
        self.head = head
        self.network = network
        self.operator = operator

    def build(self, maps):
        """Creates the head's variables, for one map (MapSpecs)."""
        (shape,) = maps.shapes.values()
        if self.network is not None:
            shape = self.network.compute_output_shape(shape)
        self.head.build(shape)

    def __call__(self, features, priors, image_shape, training=False):
        """{level: map} of one level, Priors or boxes [B, P, 4] -> RegionOutputs."""
        (last,) = features.values()
        if self.network is not None:
            last = self.network(last, training=training)
        outputs = self.head(
            last,
            prior_boxes(priors),
            image_shape=image_shape,
            training=training,
            read=self.operator.position_sensitive,
        )
        return RegionOutputs(outputs["class_logits"], outputs["box_codes"])


def _by_image(rows, boxes):
    """[B * P, ...] -> [B, P, ...] float32, for boxes [B, P, 4]."""
    shape = [*tf.unstack(tf.shape(boxes))[:2], *rows.shape[1:]]
    known = [*boxes.shape[:2], *rows.shape[1:]]
    rows = tf.ensure_shape(tf.reshape(rows, shape), known)
    return tf.cast(rows, tf.float32)
