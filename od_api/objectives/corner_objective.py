"""What CornerNet learns of the two corners of each object."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import build, register
from od_api.core.replicas import sum_over_replicas
from od_api.core.shapes import spatial_shape
from od_api.core.trimmed_targets import trimmed
from od_api.layers.heatmaps import gaussian_radius, gaussians, largest_by_class
from od_api.protos import keypoints_pb2, losses_pb2

# Means of embeddings are pushed until they are so far apart.
MARGIN = 1.0
# The deviation of the heat is this share of the radius (section 3.2).
_OF_RADIUS = 1.0 / 3.0
CORNERS = ("top_left", "bottom_right")


@register(keypoints_pb2.CornerObjective)
class CornerObjective:
    """Heat of corners, their offsets inside cells, and embeddings that pair them.

    The heat of a corner's cell is 1, and around it falls off as a Gaussian; its loss
    is divided by the objects of the batch. Embeddings of an object's corners are pulled
    to their mean, and means of an image are pushed apart; both are means over the
    objects, or pairs, of an image, and over the images that have any. Cells that lie in
    ignored boxes are no background. Source: Law and Deng, CornerNet, ECCV 2018,
    sections 3.2 and 3.3.

    Args:
      num_classes: K.
      min_overlap: the IoU of boxes whose corners move by the radius; above 0, below 1.
      integer_radius: the radius is rounded down, the deviation is (2 radius + 1) / 6,
        and the Gaussian ends at the radius; else the deviation is radius / 3.
      heat_loss: of [..., K] logits and heat; None: penalty-reduced focal loss, alpha 2
        and beta 4.
      offset_loss: of [..., 2]; None: smooth L1.
      heat_weight, pull_weight, push_weight, offset_weight: of the losses.
    """

    def __init__(
        self,
        *,
        num_classes,
        min_overlap=0.3,
        integer_radius=False,
        heat_loss=None,
        offset_loss=None,
        heat_weight=1.0,
        pull_weight=0.1,
        push_weight=0.1,
        offset_weight=1.0,
    ):
        ranges.above("min_overlap", min_overlap, 0, 1)
        self.num_classes = num_classes
        self.min_overlap = min_overlap
        self.integer_radius = integer_radius
        self.heat_loss = heat_loss or build(
            losses_pb2.PenaltyReducedLogisticFocalLoss(alpha=2, beta=4)
        )
        self.offset_loss = offset_loss or build(
            losses_pb2.WeightedSmoothL1LocalizationLoss()
        )
        if getattr(self.offset_loss, "on_boxes", False):
            raise ranges.RangeError(
                "offset_loss", "offset_loss is of boxes, and offsets are two numbers"
            )
        self._weights = {
            "heat_loss": ranges.at_least("heat_weight", heat_weight),
            "pull_loss": ranges.at_least("pull_weight", pull_weight),
            "push_loss": ranges.at_least("push_weight", push_weight),
            "offset_loss": ranges.at_least("offset_weight", offset_weight),
        }

    def __call__(self, maps, targets, stride):
        """The losses of one level.

        Args:
          maps: {"top_left_heat": [B, h, w, K], "top_left_embedding": [B, h, w, 1],
            "top_left_offset": [B, h, w, 2], "bottom_right_...": ...}, raw.
          targets: Targets.
          stride: pixels of a cell.

        Returns:
          {"heat_loss", "pull_loss", "push_loss", "offset_loss"}: float32 scalars. Over
          replicas they add up to those of the whole batch.
        """
        targets = trimmed(targets)
        weights = tf.where(targets.objects, targets.weights, 0.0)
        count = tf.maximum(sum_over_replicas(tf.reduce_sum(weights)), 1.0)
        heat, offset, embeddings = 0.0, 0.0, []
        for name, corners in zip(
            CORNERS, (targets.boxes[..., :2], targets.boxes[..., 2:]), strict=True
        ):
            places = corners / stride
            cells = self._cells(places, maps[f"{name}_heat"])
            heat += self._heat_loss(maps[f"{name}_heat"], cells, targets, stride)
            found = _at(maps[f"{name}_offset"], cells)
            aim = places - tf.cast(cells, tf.float32)
            offset += tf.reduce_sum(weights * self.offset_loss(found, aim))
            embeddings.append(_at(maps[f"{name}_embedding"], cells)[..., 0])
        pull, push = embedding_losses(*embeddings, weights)
        losses = {
            "heat_loss": heat / count,
            "pull_loss": pull,
            "push_loss": push,
            "offset_loss": offset / count,
        }
        return {name: self._weights[name] * loss for name, loss in losses.items()}

    def _cells(self, places, maps):
        """[B, G, 2] places in cells -> int32; the far border is in the map."""
        last = tf.cast(tf.stack(spatial_shape(maps)), tf.int32) - 1
        return tf.clip_by_value(tf.cast(tf.floor(places), tf.int32), 0, last)

    def heat(self, cells, targets, stride, shape):
        """What a map has to learn, and the weight of each number of it.

        Args:
          cells: [B, G, 2] int32, of the corners.
          targets: Targets, G at least 1.
          stride: pixels of a cell.
          shape: (h, w).

        Returns:
          [B, h, w, K] heat in 0..1; [B, h, w, K] weights: at corners those of their
          objects, 0 in ignored boxes, else 1.
        """
        sizes = (targets.boxes[..., 2:] - targets.boxes[..., :2]) / stride
        radius = gaussian_radius(sizes[..., 0], sizes[..., 1], self.min_overlap)
        deviations, reach = radius * _OF_RADIUS, None
        if self.integer_radius:
            reach = tf.floor(radius)
            deviations = (2.0 * reach + 1.0) / 6.0
        around = gaussians(cells, deviations, shape, reach)
        around = tf.where(targets.objects[..., None, None], around, 0.0)
        heat = largest_by_class(around, targets.classes, self.num_classes)
        own = tf.where(around == 1.0, targets.weights[..., None, None], 0.0)
        own = largest_by_class(own, targets.classes, self.num_classes)
        elsewhere = tf.ones_like(heat)
        if targets.ignored is not None:
            inside = _in_ignored(targets, stride, shape)
            elsewhere = tf.where(inside[..., None], 0.0, elsewhere)
        return heat, tf.where(heat == 1.0, own, elsewhere)

    def _heat_loss(self, logits, cells, targets, stride):
        heat, weights = self.heat(cells, targets, stride, spatial_shape(logits))
        losses = self.heat_loss(logits, tf.stop_gradient(heat))
        return tf.reduce_sum(tf.where(weights > 0.0, weights * losses, 0.0))


def embedding_losses(top_left, bottom_right, weights):
    """(pull, push) of embeddings [B, G]; objects of weight 0 take no part.

    Over replicas they add up to those of the whole batch.
    """
    real = tf.cast(weights > 0.0, tf.float32)
    objects = tf.reduce_sum(real, axis=1)
    images = sum_over_replicas(tf.reduce_sum(tf.cast(objects > 0.0, tf.float32)))
    images = tf.maximum(images, 1.0)
    means = (top_left + bottom_right) / 2.0
    spread = tf.square(top_left - means) + tf.square(bottom_right - means)
    pull = tf.reduce_sum(weights * spread, axis=1) / tf.maximum(objects, 1.0)
    apart = tf.abs(means[:, :, None] - means[:, None])
    pairs = weights[:, :, None] * weights[:, None]
    pairs = tf.linalg.set_diag(pairs, tf.zeros_like(weights))
    push = tf.reduce_sum(pairs * tf.nn.relu(MARGIN - apart), axis=[1, 2])
    push /= tf.maximum(objects * (objects - 1.0), 1.0)
    return tf.reduce_sum(pull) / images, tf.reduce_sum(push) / images


def _at(maps, cells):
    """[B, h, w, n], [B, G, 2] -> [B, G, n]."""
    return tf.gather_nd(maps, cells, batch_dims=1)


def _in_ignored(targets, stride, shape):
    """[B, h, w] bool: cells that lie, or have a part, in ignored boxes."""
    low, high = (
        tf.cast(tf.floor(part / stride), tf.int32)
        for part in (targets.boxes[..., :2], targets.boxes[..., 2:])
    )
    ignored = targets.ignored & targets.valid

    def inside(axis):
        places = tf.range(shape[axis])
        here = (places >= low[..., axis, None]) & (places <= high[..., axis, None])
        return tf.cast(here & ignored[..., None], tf.float32)

    return tf.einsum("bgh,bgw->bhw", inside(0), inside(1)) > 0.0
