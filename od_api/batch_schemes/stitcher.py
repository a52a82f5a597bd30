"""Several images in one, while small objects are learned too little."""

import math

import tensorflow as tf

from od_api.batch_schemes._scheme import BatchScheme, boxes_joined, groups_of
from od_api.core import boxes as geometry
from od_api.core import ranges
from od_api.core.registry import register
from od_api.core.shapes import spatial_shape
from od_api.protos import batch_scheme_pb2

# What has no row for each box.
_OF_IMAGES = ("image", "true_shape", "scale")
# A hundredth of an image's pixels and less shows nothing.
_MOST_IMAGES = 100


@register(batch_scheme_pb2.Stitcher)
class Stitcher(BatchScheme):
    """Several images in one, while small objects are learned too little.

    Batches are stitched where small objects had too small a share of the localisation
    loss in the step before. Source: Chen et al., Stitcher: Feedback-driven Data
    Provider for Object Detection, 2020, section 3.

    A step reads k images for each one of its batch. A stitched batch has all of them,
    smaller; any other has the first of every k. A share of 0 of 0, also that before the
    first step, is 0. Two-stage detectors count the losses of all stages. Shrinking
    takes the nearest pixel, floor(i * scale), and rounds the sides down; boxes shrink
    with their padded image. With SPATIAL the k images lie row by row in a grid on one
    of the old size, whose `scale` is their geometric mean; with BATCH they stay apart,
    so that there are k times as many, and each draws as many priors as any other.

    Args:
      k: images that take the place of one; SPATIAL needs a square number.
      tau: stitched below this share, in 0..1; never with 0, always with 1.
      mode: SPATIAL or BATCH.
      small_area: an object of less area, in square pixels of the network's input, as
        the network saw it, is small.
      half_pixel_centers: the nearest pixel is floor((i + .5) * scale).
    """

    observes = True

    def __init__(
        self,
        *,
        k=4,
        tau=0.1,
        mode="SPATIAL",
        small_area=1024.0,
        half_pixel_centers=False,
    ):
        self.factor = ranges.at_least("k", k, 2, _MOST_IMAGES)
        self._side = math.isqrt(k)
        self._spatial = mode == "SPATIAL"
        if self._spatial and self._side**2 != k:
            raise ranges.RangeError(
                "k", f"k is {k}, and {mode} needs a square number, such as 4 or 9"
            )
        self.static_shapes = self._spatial
        self._tau = ranges.probability("tau", tau)
        self._small_area = ranges.at_least("small_area", small_area)
        self._half = half_pixel_centers

    def create_variables(self):
        share = tf.Variable(
            0.0,
            trainable=False,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            name="share",
        )
        self.variables = {"share": share}

    def __call__(self, batch, seed):
        del seed
        return tf.cond(
            self.stitches(tf.convert_to_tensor(self.variables["share"])),
            lambda: self.stitched(batch),
            lambda: self.regular(batch),
        )

    def measured(self, report, targets):
        small = geometry.area(targets.boxes) < self._small_area
        of_small, of_all = tf.zeros([]), tf.zeros([])
        for one in report:
            is_small = one.assignment.take(small)
            losses = one.localization
            of_all += tf.reduce_sum(losses)
            of_small += tf.reduce_sum(tf.where(is_small, losses, 0.0))
        return {"small": of_small, "all": of_all}

    def observe(self, sums):
        share = tf.math.divide_no_nan(sums["small"], sums["all"])
        self.variables["share"].assign(share)

    def stitches(self, share):
        """Whether the batch after a step with this share is stitched, bool scalar."""
        return (share < self._tau) | (self._tau >= 1.0)

    def regular(self, batch):
        """{name: [k * B, ...]} -> [B, ...]: the first image of every k."""
        first = {n: groups_of(rows, self.factor)[:, 0] for n, rows in batch.items()}
        if not self._spatial:
            return first
        # As many rows of boxes as a stitched one has: XLA wants one shape.
        return {n: x if n in _OF_IMAGES else self._padded(x) for n, x in first.items()}

    def stitched(self, batch):
        """{name: [k * B, ...]} -> [B, ...] or, with BATCH, [k * B, ...]."""
        small = self._shrunk(batch)
        if not self._spatial:
            return small
        shape, cell = (spatial_shape(x["image"]) for x in (batch, small))
        groups = {name: groups_of(rows, self.factor) for name, rows in small.items()}
        down = tf.stack([[row * cell[0], col * cell[1]] for row, col in self._cells()])
        joined = {
            "image": self._grid(groups["image"], shape),
            "true_shape": tf.reduce_max(groups["true_shape"] + down, axis=1),
        }
        if "scale" in groups:
            logarithms = tf.math.log(groups["scale"])
            joined["scale"] = tf.exp(tf.reduce_mean(logarithms, axis=1))
        corners = tf.cast(tf.tile(down, [1, 2]), tf.float32)[:, None]
        is_box = groups["valid"][..., None]
        groups["boxes"] = tf.where(is_box, groups["boxes"] + corners, 0.0)
        if "masks" in groups:
            groups["masks"] = self._masks_in_cells(groups["masks"], shape)
        of_boxes = groups.keys() - set(_OF_IMAGES)
        return joined | {name: boxes_joined(groups[name]) for name in sorted(of_boxes)}

    def _cells(self):
        """(row, column) of each image in the grid."""
        return [divmod(j, self._side) for j in range(self.factor)]

    def _shrunk(self, batch):
        """The batch with its images, and all that is on them, smaller."""
        shape = spatial_shape(batch["image"])
        read = [self._nearest(side) for side in shape]
        ratio = tf.stack(
            [
                tf.cast(tf.size(places), tf.float32) / tf.cast(side, tf.float32)
                for places, side in zip(read, shape, strict=True)
            ]
        )
        small = {
            **batch,
            "image": _taken(batch["image"], read, axis=1),
            "true_shape": _inside(batch["true_shape"], read),
            "boxes": batch["boxes"] * tf.tile(ratio, [2]),
        }
        if "scale" in batch:
            small["scale"] = batch["scale"] * tf.sqrt(ratio[0] * ratio[1])
        if "masks" in batch:
            small["masks"] = _taken(batch["masks"], read, axis=2)
        return small

    def _nearest(self, side):
        """Which of the pixels of a side are read, int32 [side / sqrt(k), down]."""
        if isinstance(side, int):
            count = max(int(side / math.sqrt(self.factor)), 1)
        else:
            shrunk = tf.cast(side, tf.float64) / math.sqrt(self.factor)
            count = tf.maximum(tf.cast(shrunk, tf.int32), 1)
        place = 2 * tf.range(count) + int(self._half)
        return place * side // (2 * count)

    def _grid(self, images, shape):
        """[n, k, h, w, 3] -> [n, H, W, 3], row by row; 0 where a row is left over."""
        known, (height, width) = images.shape, tf.unstack(tf.shape(images)[2:4])
        side = self._side
        cells = tf.reshape(images, [-1, side, side, height, width, known[-1]])
        rows = tf.transpose(cells, [0, 1, 3, 2, 4, 5])
        canvas = tf.reshape(rows, [-1, side * height, side * width, known[-1]])
        rest = [[0, shape[0] - side * height], [0, shape[1] - side * width]]
        canvas = tf.pad(canvas, [[0, 0], *rest, [0, 0]])
        sides = [s if isinstance(s, int) else None for s in shape]
        return tf.ensure_shape(canvas, [None, *sides, known[-1]])

    def _masks_in_cells(self, masks, shape):
        """[n, k, G, h, w] -> [n, k, G, H, W], each in its cell."""
        height, width = tf.unstack(tf.shape(masks)[3:5])
        placed = []
        for j, (row, column) in enumerate(self._cells()):
            above, left = row * height, column * width
            below, right = shape[0] - above - height, shape[1] - left - width
            room = [[0, 0], [0, 0], [above, below], [left, right]]
            placed.append(tf.pad(masks[:, j], room))
        return tf.stack(placed, axis=1)

    def _padded(self, rows):
        """[n, G, ...] -> [n, k * G, ...]."""
        more = (self.factor - 1) * tf.shape(rows)[1]
        padding = [[0, 0], [0, more], *([[0, 0]] * (rows.shape.rank - 2))]
        known = None if rows.shape[1] is None else self.factor * rows.shape[1]
        return tf.ensure_shape(tf.pad(rows, padding), [None, known, *rows.shape[2:]])


def _taken(pixels, read, axis):
    """[.., H, W, ..] -> [.., h, w, ..]: the rows and columns that are read."""
    rows, columns = read
    return tf.gather(tf.gather(pixels, rows, axis=axis), columns, axis=axis + 1)


def _inside(true_shapes, read):
    """[B, 2] int32: how many rows and columns read are no padding; at least 1."""
    sides = [
        tf.reduce_sum(tf.cast(places < side[:, None], tf.int32), axis=1)
        for places, side in zip(read, tf.unstack(true_shapes, axis=1), strict=True)
    ]
    return tf.maximum(tf.stack(sides, axis=1), 1)
