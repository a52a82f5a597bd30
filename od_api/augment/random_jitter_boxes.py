"""Boxes moved a little, the image left as it is."""

import tensorflow as tf

from od_api.augment import _geometry as geometry
from od_api.augment import _random as random
from od_api.core import boxes as box_ops
from od_api.core import ranges
from od_api.core.registry import register
from od_api.protos import preprocessor_pb2

_MODES = preprocessor_pb2.RandomJitterBoxes.JitterMode.keys()


@register(preprocessor_pb2.RandomJitterBoxes)
class RandomJitterBoxes:
    """Moves the edges of every box; boxes stay inside the image, all else is kept.

    The distance from the box's centre to an edge is multiplied by 1 + d. `d` is drawn
    from [-ratio, ratio) with DEFAULT, from [0, ratio) with EXPAND and from [-ratio, 0)
    with SHRINK, once for each of the four edges. The modes ..._SYMMETRIC draw one for
    height and one for width, ..._SYMMETRIC_XY one for both, and the growth ends where
    an edge meets the image's border, so that the centre stays.

    Raises:
      ValueError: an unknown mode, or a ratio that would turn boxes inside out.
    """

    def __init__(self, *, ratio=0.05, jitter_mode="DEFAULT"):
        if jitter_mode not in _MODES:
            raise ValueError(f"jitter_mode is {jitter_mode}, not one of {list(_MODES)}")
        grows = jitter_mode.startswith("EXPAND")
        ranges.between("ratio", ratio, 0, ranges.LARGEST if grows else 1)
        self._mode = jitter_mode
        self._low = 0.0 if grows else -ratio
        self._high = 0.0 if jitter_mode.startswith("SHRINK") else ratio

    def __call__(self, sample, seed):
        boxes = sample["boxes"]
        extent = tf.cast(tf.stack(geometry.size(sample)), tf.float32)
        y, x, height, width = box_ops.center_size(boxes)
        centers = tf.stack([y, x], axis=-1)
        half = tf.stack([height, width], axis=-1) / 2
        if "SYMMETRIC" in self._mode:
            top = bottom = self._symmetric(seed, centers, half, extent)
        else:
            factors = self._draw(seed, tf.shape(boxes)[0], 4)
            top, bottom = factors[:, :2], factors[:, 2:]
        jittered = tf.concat([centers - half * top, centers + half * bottom], axis=-1)
        window = tf.concat([[0.0, 0.0], extent], 0)
        return {**sample, "boxes": box_ops.clip(jittered, window)}

    def _symmetric(self, seed, centers, half, extent):
        """[G, 2] factors of height and width, the same for both edges."""
        room = tf.maximum(tf.minimum(centers, extent - centers), 0.0)
        most = tf.math.divide_no_nan(room, half)
        columns = 2
        if self._mode.endswith("_XY"):
            most = tf.reduce_min(most, axis=-1, keepdims=True)
            columns = 1
        return tf.minimum(self._draw(seed, tf.shape(centers)[0], columns), most)

    def _draw(self, seed, count, columns):
        d = random.uniform(seed, self._low, self._high, shape=[count, columns])
        return 1.0 + d
