"""What every grouping of corners has: peaks, pairs of one class, boxes of the best."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.types import Grouped


class PairedCorners:
    """Pairs the best top-left corners with the best bottom-right ones.

    A corner is a cell whose score is the largest around it. Of all pairs those are left
    that have one class, the corners in their order, and what a subclass asks for; their
    score is the mean of the two. Source: Law and Deng, CornerNet, ECCV 2018, section
    4.2.

    A subclass has `tag`, the name of the map whose numbers say which corners go
    together, and `agree(start, end, tag, other_tag)`: places and tags of shapes
    [B, k, 1, n] and [B, 1, k, n], in cells -> [B, k, k] bool.

    Args:
      top_k: the best corners of each kind, over all classes, that are paired.
      peak_kernel: a corner is the maximum of so many cells squared; odd.
      max_boxes: the best pairs that are returned.
    """

    def __init__(self, top_k, peak_kernel, max_boxes):
        ranges.at_least("top_k", top_k, 1, ranges.MOST_CELLS)
        ranges.between("peak_kernel", peak_kernel, 1, ranges.MOST_CELLS)
        if peak_kernel % 2 == 0:
            raise ranges.RangeError(
                "peak_kernel", f"peak_kernel is {peak_kernel}; it must be odd"
            )
        ranges.at_least("max_boxes", max_boxes, 1, ranges.MOST_BOXES)
        self.top_k = top_k
        self.peak_kernel = peak_kernel
        self.max_boxes = max_boxes

    def __call__(self, maps, stride):
        """Boxes of each image, best score first.

        Args:
          maps: as the objective takes them.
          stride: pixels of a cell, a number or (y, x).

        Returns:
          Grouped of M boxes: max_boxes, or top_k squared if that is less.
        """
        starts, ends = (self._corners(maps, n) for n in ("top_left", "bottom_right"))
        pairs = [(a[:, :, None], b[:, None]) for a, b in zip(starts, ends, strict=True)]
        (score, other_score), (start, end), tags, classes = pairs
        fits = classes[0] == classes[1]
        fits &= self.agree(start, end, *tags)
        fits &= tf.reduce_all(end > start, axis=-1)
        fits &= (score > 0.0) & (other_score > 0.0)
        scores = tf.where(fits, (score + other_score) / 2.0, 0.0)
        count = self.top_k**2
        best, rows = tf.math.top_k(
            tf.reshape(scores, [-1, count]), min(self.max_boxes, count)
        )
        chosen_starts = tf.gather(starts[1], rows // self.top_k, batch_dims=1)
        chosen_ends = tf.gather(ends[1], rows % self.top_k, batch_dims=1)
        chosen_classes = tf.gather(starts[3], rows // self.top_k, batch_dims=1)
        boxes = tf.concat([chosen_starts * stride, chosen_ends * stride], axis=-1)
        valid = best > 0.0
        of_class = tf.one_hot(chosen_classes, maps["top_left_heat"].shape[-1])
        return Grouped(
            boxes=tf.where(valid[..., None], boxes, 0.0),
            scores=best[..., None] * of_class,
            valid=valid,
        )

    def _corners(self, maps, name):
        """Scores [B, k], places [B, k, 2] in cells, tags [B, k, n], classes [B, k].

        Where a map has fewer peaks than k, the others have score 0.
        """
        heat = tf.sigmoid(maps[f"{name}_heat"])
        largest = tf.nn.max_pool2d(heat, self.peak_kernel, 1, "SAME")
        heat = tf.where(heat == largest, heat, 0.0)
        width, depth = tf.shape(heat)[2], heat.shape[3]
        flat = tf.reshape(heat, [tf.shape(heat)[0], -1])
        # A tiny map may have fewer numbers than k.
        flat = tf.pad(flat, [[0, 0], [0, self.top_k]])
        scores, rows = tf.math.top_k(flat, self.top_k)
        rows = tf.where(scores > 0.0, rows, 0)
        cells = rows // depth
        places = tf.stack([cells // width, cells % width], axis=-1)
        offsets = tf.gather_nd(maps[f"{name}_offset"], places, batch_dims=1)
        tags = tf.gather_nd(maps[f"{name}_{self.tag}"], places, batch_dims=1)
        return (
            scores,
            tf.cast(places, tf.float32) + offsets,
            tags,
            rows % depth,
        )
