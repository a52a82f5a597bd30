"""Objects outside of a range of sizes are not learned."""

import tensorflow as tf

from od_api.core import boxes as geometry
from od_api.core import ranges
from od_api.core.registry import build, register
from od_api.core.types import LeftOut, prior_boxes
from od_api.ignore_rules._overlap import Overlap
from od_api.protos import ignore_rule_pb2, region_similarity_calculator_pb2


@register(ignore_rule_pb2.SizeRange)
class SizeRange:
    """A stage learns what has a size in a range; the rest is neither object nor not.

    A size is the root of an area, and the range has both its ends. Priors are assigned
    as if there were no range. Then, where OBJECTS are measured, priors assigned to an
    object outside of the range are left out, and so are negatives that overlap one by
    more than the limit. Where PRIORS are, their own sizes decide, whatever they are
    assigned: a region of the right size may be positive for an object of another.
    Source: Singh and Davis, An Analysis of Scale Invariance in Object Detection - SNIP,
    CVPR 2018, section 5.

    Args:
      low, high: the range, in pixels.
      measured: OBJECTS, as for anchors, or PRIORS, as for regions.
      pixels: IMAGE: of the image in its file, or INPUT: of the network's input.
      similarity_calculator: of priors and objects, a share in 0..1; None: IoU.
      limit: 0..1; negatives above it are left out, with OBJECTS.
      drop_positives: positives of other objects above the limit as well.
      skip_images: all priors are left out in an image without an object in the range.
      images_from, images_below: only images of such a size, in pixels of the network's
        input, without padding; other images are not looked at.
    """

    def __init__(
        self,
        *,
        low=0.0,
        high=ranges.LARGEST,
        measured="OBJECTS",
        pixels="IMAGE",
        similarity_calculator=None,
        limit=0.3,
        drop_positives=False,
        skip_images=True,
        images_from=0.0,
        images_below=ranges.LARGEST,
    ):
        ranges.at_least("low", low)
        self.low, self.high = ranges.ordered("low", low, "high", high)
        self.measured = measured
        self.pixels = pixels
        self.skip_images = skip_images
        ranges.at_least("images_from", images_from)
        ranges.ordered("images_from", images_from, "images_below", images_below)
        self.images_from, self.images_below = images_from, images_below
        similarity = similarity_calculator or build(
            region_similarity_calculator_pb2.IouSimilarity()
        )
        self._overlap = Overlap(similarity, limit, drop_positives)

    def __call__(self, priors, targets):
        """Priors [(B,) A], Targets -> LeftOut."""
        found = self._of_all(priors, targets)
        sides = tf.cast(targets.true_shapes, tf.float32)
        size = tf.sqrt(sides[:, :1] * sides[:, 1:])
        here = (size >= self.images_from) & (size < self.images_below)
        return LeftOut(*(part if part is None else part & here for part in found))

    def _of_all(self, priors, targets):
        """The LeftOut of images of any size."""
        fits = self._fits(targets.boxes, targets)
        left_out = LeftOut()
        if self.measured == "PRIORS":
            left_out = LeftOut(priors=~self._fits(prior_boxes(priors), targets))
        else:
            outside = targets.objects & ~fits
            left_out = self._overlap.left_out(priors, targets, outside)
            left_out = left_out._replace(objects=outside)
        if self.skip_images:
            learned = tf.reduce_any(targets.objects & fits, axis=1, keepdims=True)
            left_out = left_out.plus(LeftOut(priors=~learned))
        return left_out

    def _fits(self, boxes, targets):
        """[(B,) N, 4] boxes -> [B, N] bool: in the range by their sizes."""
        sizes = tf.sqrt(geometry.area(boxes))
        scale = tf.ones([tf.shape(targets.valid)[0]])
        if self.pixels == "IMAGE" and targets.scale is not None:
            scale = targets.scale
        sizes = sizes / scale[:, None]
        return geometry.within_sizes(sizes, self.low, self.high)
