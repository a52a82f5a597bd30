"""What every objective of corners has: heat, and places inside of cells."""

from typing import NamedTuple

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import build
from od_api.core.replicas import sum_over_replicas
from od_api.core.shapes import spatial_shape
from od_api.core.trimmed_targets import trimmed
from od_api.layers.heatmaps import gaussian_radius, gaussians, largest_by_class
from od_api.protos import losses_pb2

# The deviation of the heat is this share of the radius (section 3.2).
_OF_RADIUS = 1.0 / 3.0


class Corners(NamedTuple):
    """The corners of one kind, of all objects.

    Attributes:
      name: "top_left" or "bottom_right".
      places: [B, G, 2] float32, (y, x) in cells.
      cells: [B, G, 2] int32, those that they lie in; the far border is in the map.
    """

    name: str
    places: tf.Tensor
    cells: tf.Tensor


class CornersObjective:
    """Heat of corners, their offsets inside cells, and what pairs them.

    The heat of a corner's cell is 1, and around it falls off as a Gaussian. Cells that
    lie in ignored boxes are no background. A subclass has `pairing`. Source: Law and
    Deng, CornerNet, ECCV 2018, sections 3.2 and 3.3.

    Args:
      num_classes: K.
      min_overlap: the IoU of boxes whose corners move by the radius; above 0, below 1.
      integer_radius: the radius is rounded down, the deviation is (2 radius + 1) / 6,
        and the Gaussian ends at the radius; else the deviation is radius / 3.
      heat_loss: of [..., K] logits and heat; None: penalty-reduced focal loss, alpha 2
        and beta 4.
      offset_loss: of [..., 2]; None: smooth L1.
      **weights: `heat_weight` of `heat_loss`, and so on, of all losses.
    """

    def __init__(
        self,
        *,
        num_classes,
        min_overlap,
        integer_radius,
        heat_loss,
        offset_loss,
        **weights,
    ):
        ranges.above("min_overlap", min_overlap, 0, 1)
        self.num_classes = num_classes
        self.min_overlap = min_overlap
        self.integer_radius = integer_radius
        self.heat_loss = heat_loss or build(
            losses_pb2.PenaltyReducedLogisticFocalLoss(alpha=2, beta=4)
        )
        self.offset_loss = of_two_numbers("offset_loss", offset_loss)
        self._weights = {
            name.replace("_weight", "_loss"): ranges.at_least(name, weight)
            for name, weight in weights.items()
        }

    def __call__(self, maps, targets, stride, divisor=None):
        """The losses of one level.

        Args:
          maps: {"top_left_heat": [B, h, w, K], "top_left_offset": [B, h, w, 2],
            "bottom_right_...": ...} and what `pairing` reads, raw.
          targets: Targets.
          stride: pixels of a cell, a number or (y, x).
          divisor: of sums over objects and cells; None: the objects of the batch.

        Returns:
          {name: float32 scalar}, of the names of the weights. Over replicas they add up
          to those of the whole batch.
        """
        targets = trimmed(targets)
        weights = tf.where(targets.objects, targets.weights, 0.0)
        if divisor is None:
            divisor = tf.maximum(sum_over_replicas(tf.reduce_sum(weights)), 1.0)
        heat, offset, corners = 0.0, 0.0, []
        for name, places in (
            ("top_left", targets.boxes[..., :2] / stride),
            ("bottom_right", targets.boxes[..., 2:] / stride),
        ):
            cells = self._cells(places, maps[f"{name}_heat"])
            corners.append(Corners(name, places, cells))
            heat += self._heat_loss(maps[f"{name}_heat"], cells, targets, stride)
            found = at(maps[f"{name}_offset"], cells)
            aim = places - tf.cast(cells, tf.float32)
            offset += tf.reduce_sum(weights * self.offset_loss(found, aim))
        losses = {"heat_loss": heat / divisor, "offset_loss": offset / divisor}
        losses |= self.pairing(maps, corners, weights, divisor)
        return {name: weight * losses[name] for name, weight in self._weights.items()}

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


def of_two_numbers(name, loss):
    """The localisation loss of a field, smooth L1 if it is None; not one of boxes."""
    loss = loss or build(losses_pb2.WeightedSmoothL1LocalizationLoss())
    if getattr(loss, "on_boxes", False):
        what = name.removesuffix("_loss")
        raise ranges.RangeError(
            name, f"{name} is of boxes, and {what}s are two numbers"
        )
    return loss


def at(maps, cells):
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
