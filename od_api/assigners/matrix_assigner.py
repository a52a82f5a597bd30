"""Points of a matrix net: each layer for a range of heights and one of widths."""

import tensorflow as tf

from od_api.assigners.fcos_assigner import FcosAssigner
from od_api.core import ranges
from od_api.core.matrix_layers import MatrixRanges, matrix_layers
from od_api.core.registry import register
from od_api.core.side_distances import four_sides
from od_api.protos import matcher_pb2


@register(matcher_pb2.MatrixAssigner)
class MatrixAssigner(FcosAssigner):
    """A point is positive for the smallest object that it lies in and its layer is for.

    What a layer is for is said in `MatrixRanges`; where the matrix ends or its corner
    is cut off ranges have no end: a long, thin object belongs to the outermost layer of
    its shorter side. Otherwise as `fcos_assigner`. Source: Rashwan et al., Matrix Nets,
    ICCV Workshops 2019, section 3.1.

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
        places = matrix_layers(levels, steps)
        if num_levels not in (None, len(places)):
            raise ranges.RangeError(
                "levels",
                f"levels is {levels} and steps {steps}, of a matrix of {len(places)} "
                f"layers, and there are {num_levels} maps: take matrix_net and "
                "matrix_point_generator of as many levels and steps",
            )
        self.ranges = MatrixRanges(places, base_size, low_tolerance, high_tolerance)

    def _fits(self, priors, objects):
        """[B, G, 1, 4] objects -> [B, G, A] bool: which points may answer for them."""
        left, top, right, bottom = four_sides(priors.boxes[..., None, :, :], objects)
        nearest = tf.minimum(tf.minimum(left, right), tf.minimum(top, bottom))
        fits = nearest > 0.0
        # A layer beyond the last can only come of bare Priors.
        layers = tf.minimum(priors.levels, len(self.ranges.heights) - 1)
        for sizes, limits in (
            (top + bottom, self.ranges.heights),
            (left + right, self.ranges.widths),
        ):
            low, high = tf.unstack(tf.gather(tf.constant(limits), layers), axis=-1)
            fits &= (sizes >= low) & (sizes < high)
        if self.center_radius:
            # From the centre it is half the difference of two distances.
            reach = 2.0 * self.center_radius * priors.strides
            fits &= tf.abs(top - bottom) < reach[:, 0]
            fits &= tf.abs(left - right) < reach[:, 1]
        return fits
