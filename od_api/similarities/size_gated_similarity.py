"""Another similarity, of those pairs alone whose level is for the object's size."""

import tensorflow as tf

from od_api.core import boxes as geometry
from od_api.core import ranges
from od_api.core.registry import build, register
from od_api.protos import region_similarity_calculator_pb2

# Below every similarity, as in assigners: such a pair is never matched.
NEVER = tf.float32.min


@register(region_similarity_calculator_pb2.LevelSizes)
class LevelSizes:
    """The sizes of objects that a level is for, both ends included.

    Args:
      low, high: roots of areas, in pixels of the network's input.
    """

    def __init__(self, *, low=0.0, high=ranges.LARGEST):
        ranges.at_least("low", low)
        self.low, self.high = ranges.ordered("low", low, "high", high)


@register(region_similarity_calculator_pb2.SizeGatedSimilarity)
class SizeGatedSimilarity:
    """Shallow maps learn small objects alone, deep maps large ones (SSD's slimming).

    An object has the similarity of `similarity_calculator` with the priors of those
    levels that are for its size, and none with others: those are not matched to it, not
    by force either, and are negative if no other object has them.

    Args:
      similarity_calculator: another similarity; None: IoU.
      levels: a `LevelSizes` for each level.
      num_levels: of the head; the detector gives it. None: there are no levels.

    Attributes:
      sees_priors: it is called with Priors, whose levels it needs.
    """

    sees_priors = True

    def __init__(self, *, similarity_calculator=None, levels=(), num_levels=None):
        if num_levels is None:
            raise ValueError(
                "is for anchors, which have levels: proposals and boxes that are "
                "suppressed have none"
            )
        if len(levels) != num_levels:
            raise ValueError(
                f"levels has {len(levels)} entries and the head reads {num_levels} "
                "maps; give one for each"
            )
        self.similarity = similarity_calculator or build(
            region_similarity_calculator_pb2.IouSimilarity()
        )
        # Thresholds are those of the similarity within.
        self.is_share = getattr(self.similarity, "is_share", False)
        self.levels = list(levels)

    def __call__(self, boxes, priors):
        """[B, M, 4] boxes, Priors [(B,) N] -> [B, M, N] float32."""
        values = self.similarity(boxes, priors.boxes)
        sizes = tf.sqrt(geometry.area(tf.cast(boxes, tf.float32)))[..., None]
        low = tf.gather([one.low for one in self.levels], priors.levels)
        high = tf.gather([one.high for one in self.levels], priors.levels)
        return tf.where(geometry.within_sizes(sizes, low, high), values, NEVER)
