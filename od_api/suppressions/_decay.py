"""By how much an overlap lowers a score."""

import tensorflow as tf

from od_api.core import ranges


class Decay:
    """HARD: 0; LINEAR: 1 - overlap; GAUSSIAN: exp(-overlap^2 / sigma).

    Source: Bodla et al., Soft-NMS, ICCV 2017, equations 1 to 3.

    Args:
      kind: HARD, LINEAR or GAUSSIAN.
      sigma: of GAUSSIAN; None is the paper's .5.

    Raises:
      RangeError: sigma is not above 0, or there is one for another kind.
    """

    def __init__(self, kind, sigma=None):
        if sigma is not None and kind != "GAUSSIAN":
            raise ranges.RangeError(
                "sigma", f"sigma has no effect on a decay of {kind}"
            )
        self.kind = kind
        self.sigma = ranges.above("sigma", 0.5 if sigma is None else sigma)

    def __call__(self, overlap):
        """[...] in 0..1 -> [...], what scores are multiplied by."""
        if self.kind == "HARD":
            return tf.zeros_like(overlap)
        if self.kind == "LINEAR":
            return 1.0 - overlap
        return tf.exp(-tf.square(overlap) / self.sigma)
