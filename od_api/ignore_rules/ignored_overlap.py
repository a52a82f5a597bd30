"""Priors in ignored ground truth, such as crowds, are no background."""

import tensorflow as tf

from od_api.core.registry import build, register
from od_api.core.types import LeftOut
from od_api.ignore_rules._overlap import Overlap
from od_api.protos import ignore_rule_pb2, region_similarity_calculator_pb2


@register(ignore_rule_pb2.IgnoredOverlap)
class IgnoredOverlap:
    """Priors that lie in ground truth which the input ignores are left out.

    By default half of a prior, or more of it, must lie inside one box, as COCO's metric
    has it for detections in crowds; where the limit is reached exactly it stays. Priors
    that are positive for another object stay, too. Source: Lin et al., Microsoft COCO,
    ECCV 2014 (the metric's treatment of crowds).

    Args:
      similarity_calculator: a share in 0..1; None: of the prior's area.
      limit: 0..1; priors above it are left out.
      drop_positives: positives as well.

    Attributes:
      of_ignored: True: it says what becomes of `Targets.ignored`.
    """

    of_ignored = True

    def __init__(self, *, similarity_calculator=None, limit=0.5, drop_positives=False):
        similarity = similarity_calculator or build(
            region_similarity_calculator_pb2.IoaSimilarity()
        )
        self._overlap = Overlap(similarity, limit, drop_positives)

    def __call__(self, priors, targets):
        """Priors [(B,) A], Targets -> LeftOut."""
        if targets.ignored is None:
            return LeftOut()
        ignored = tf.logical_and(targets.valid, targets.ignored)
        return self._overlap.left_out(priors, targets, ignored)
