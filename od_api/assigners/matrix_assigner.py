"""Points of a matrix net: each layer for a range of heights and one of widths."""

import tensorflow as tf

from od_api.assigners.fcos_assigner import FcosAssigner
from od_api.core import ranges
from od_api.core.matrix_layers import matrix_layers
from od_api.core.registry import register
from od_api.core.side_distances import four_sides
from od_api.protos import matcher_pb2


@register(matcher_pb2.MatrixAssigner)
class MatrixAssigner(FcosAssigner):
    """A point is positive for the smallest object that it lies in and its layer is for.

    The layer of row i and column j is for heights from base_size * 2^i and widths from
    base_size * 2^j on, up to below twice as much. The ranges are widened: they begin at
    `low_tolerance` times and end at `high_tolerance` times that, so that an object may
    belong to several layers; without that every object belongs to one. The first ranges
    begin at 0, and where the matrix ends or its corner is cut off they have no end:
    a long, thin object belongs to the outermost layer of its shorter side. Otherwise as
    `fcos_assigner`. Source: Rashwan et al., Matrix Nets, ICCV Workshops 2019, section
    3.1.

    Args:
      levels: layers on the diagonal.
      steps: how far from the diagonal there are layers.
      base_size: pixels, where the range of the first layer begins.
      low_tolerance: above 0, at most 1.
      high_tolerance: 1 or more.
      center_radius: a positive lies, in y and in x, less than so many strides from the
        centre of its object; 0 asks for nothing.
      num_levels: how many maps the detector has, if it says so: as many as layers.
    """

    def __init__(
        self,
        *,
        levels=5,
        steps=2,
        base_size=24.0,
        low_tolerance=0.8,
        high_tolerance=1.3,
        center_radius=0.0,
        num_levels=None,
    ):
        self.center_radius = ranges.at_least("center_radius", center_radius)
        ranges.above("base_size", base_size)
        ranges.above("low_tolerance", low_tolerance, 0, 1)
        ranges.at_least("high_tolerance", high_tolerance, 1)
        places = matrix_layers(levels, steps)
        if num_levels not in (None, len(places)):
            raise ranges.RangeError(
                "levels",
                f"levels is {levels} and steps {steps}, of a matrix of {len(places)} "
                f"layers, and there are {num_levels} maps: take matrix_net and "
                "matrix_point_generator of as many levels and steps",
            )
        low, high = base_size * low_tolerance, 2.0 * base_size * high_tolerance
        self.heights = _limits(places, 0, low, high)
        self.widths = _limits(places, 1, low, high)

    def _fits(self, priors, objects):
        """[B, G, 1, 4] objects -> [B, G, A] bool: which points may answer for them."""
        left, top, right, bottom = four_sides(priors.boxes[..., None, :, :], objects)
        nearest = tf.minimum(tf.minimum(left, right), tf.minimum(top, bottom))
        fits = nearest > 0.0
        # A layer beyond the last can only come of bare Priors.
        layers = tf.minimum(priors.levels, len(self.heights) - 1)
        for sizes, limits in (
            (top + bottom, self.heights),
            (left + right, self.widths),
        ):
            low, high = tf.unstack(tf.gather(tf.constant(limits), layers), axis=-1)
            fits &= (sizes >= low) & (sizes < high)
        if self.center_radius:
            # From the centre it is half the difference of two distances.
            reach = 2.0 * self.center_radius * priors.strides
            fits &= tf.abs(top - bottom) < reach[:, 0]
            fits &= tf.abs(left - right) < reach[:, 1]
        return fits


def _limits(places, axis, low, high):
    """[(low, high)] of the sizes along an axis, for each of the layers' places."""
    found = []
    for place in places:
        step = place[axis]
        following = (step + 1, place[1]) if axis == 0 else (place[0], step + 1)
        begin = low * 2.0**step if step else 0.0
        end = high * 2.0**step if following in places else float("inf")
        found.append((begin, end))
    return found
