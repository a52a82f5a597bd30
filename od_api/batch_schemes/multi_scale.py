"""Batches of several sizes."""

import math

import tensorflow as tf

from od_api.batch_schemes._scheme import BatchScheme
from od_api.core import ranges
from od_api.core.registry import build, register
from od_api.layers.drawn_resizer import DrawnResizer
from od_api.protos import batch_scheme_pb2, image_resizer_pb2


@register(batch_scheme_pb2.MultiScale)
class MultiScale(BatchScheme):
    """Draws one of several sizes for every few batches (Redmon and Farhadi, YOLO9000,
    CVPR 2017, section 2, "Multi-Scale Training").

    With fixed_shape_resizers these are random shapes; with keep_aspect_ratio_resizers
    it is the multi-scale training of Singh and Davis (SNIP, CVPR 2018, section 3). The
    size depends on the seed and the number of the batch alone: all devices that train
    in step have the same, and a run that is resumed goes on with it.

    Args:
      sizes: sides of square images, each a fixed_shape_resizer.
      image_resizer: resizers that are drawn from beside those; all equally likely.
      every_n_batches: so many batches in a row have the same size.
    """

    static_shapes = False

    def __init__(self, *, sizes=(), image_resizer=(), every_n_batches=1):
        ranges.at_least("sizes", sizes, 1, ranges.LONGEST_SIDE)
        ranges.at_least("every_n_batches", every_n_batches, 1)
        square = image_resizer_pb2.FixedShapeResizer
        squares = [build(square(height=side, width=side)) for side in sizes]
        drawn = [*squares, *image_resizer]
        if not drawn:
            raise ValueError("has no size to draw: set sizes or image_resizer")
        shapes = [r.output_shape or getattr(r, "usual_shape", (1, 1)) for r in drawn]
        self.largest_shape = max(shapes, key=math.prod)
        self._resizers = drawn
        self._every = every_n_batches

    def resizer(self, default, number, seed):
        turn = tf.cast(number // self._every, tf.int32)
        seed = tf.random.experimental.stateless_fold_in(seed, turn)
        index = tf.random.stateless_uniform(
            [], seed, 0, len(self._resizers), dtype=tf.int32
        )
        return DrawnResizer(self._resizers, index)
