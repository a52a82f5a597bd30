"""Soft non-maximum suppression: what overlaps a kept box loses score, not its place."""

import copy

import tensorflow as tf

from od_api.core import boxes as geometry
from od_api.core import ranges
from od_api.core.registry import register
from od_api.core.types import Kept
from od_api.layers.nms_kernel import NmsKernel
from od_api.layers.ranked_boxes import at_least_one, take
from od_api.protos import suppression_pb2
from od_api.suppressions._counted import checked
from od_api.suppressions._decay import Decay
from od_api.suppressions._one_at_a_time import OneAtATime


@register(suppression_pb2.SoftNms)
class SoftNms(OneAtATime):
    """Each kept box lowers the scores of those left; the best of these comes next.

    By exp(-IoU^2 / sigma), or by 1 - IoU where the IoU is at least `iou_threshold`. A
    score that falls to the score threshold or below it is gone: set that low, the paper
    has .001. Source: Bodla et al., Soft-NMS, ICCV 2017, equations 2 and 3.

    The old field `soft_nms_sigma` is TensorFlow's, exp(-IoU^2 / (2 soft_nms_sigma)):
    half of this sigma.

    Args:
      decay: GAUSSIAN or LINEAR.
      sigma: of GAUSSIAN; None is .5, as in the paper.
      iou_threshold: of LINEAR, 0..1; None is .3, as in the paper.
      similarity: of [..., n, 4] and [..., m, 4] -> [..., n, m], what is below 0 counts
        as 0; None: IoU.
    """

    def __init__(
        self, *, decay="GAUSSIAN", sigma=None, iou_threshold=None, similarity=None
    ):
        self.decay = Decay(decay, sigma)
        if iou_threshold is not None and decay != "LINEAR":
            raise ranges.RangeError(
                "iou_threshold", "iou_threshold has no effect: decay is not LINEAR"
            )
        threshold = 0.3 if iou_threshold is None else iou_threshold
        self.iou_threshold = checked(threshold, False, similarity)
        self.similarity = similarity
        self._kernel = None
        if decay == "GAUSSIAN" and similarity is None:
            self._kernel = NmsKernel(1.0, self.decay.sigma / 2)

    def static(self):
        """The same without loops over leading axes, of static shapes."""
        form = copy.copy(self)
        form._kernel = None
        return form

    def suppress(self, boxes, scores, columns, limit, floor):
        """As `OneAtATime.suppress`; by TensorFlow's kernel where that has the decay."""
        if self._kernel is None:
            return super().suppress(boxes, scores, columns, limit, floor)
        boxes = tf.cast(boxes, tf.float32)
        rows, values = self._kernel(boxes, scores, limit, floor)
        return Kept(rows=rows, scores=values, boxes=take(at_least_one(boxes), rows))

    def factor(self, kept, others):
        """Candidates of 1 and of m boxes -> [..., m]."""
        similarity = self.similarity or _iou
        overlap = tf.nn.relu(similarity(kept.boxes, others.boxes)[..., 0, :])
        lowered = self.decay(overlap)
        if self.decay.kind == "GAUSSIAN":
            return lowered
        return tf.where(overlap >= self.iou_threshold, lowered, 1.0)


def _iou(boxes, others):
    return geometry.pairwise(geometry.iou, boxes, others)
