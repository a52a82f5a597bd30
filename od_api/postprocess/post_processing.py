"""From raw class outputs and boxes to detections."""

import tensorflow as tf

from od_api.core import ranges
from od_api.core.registry import register
from od_api.postprocess.batch_non_max_suppression import BatchNonMaxSuppression
from od_api.protos import post_processing_pb2

_CONVERTERS = {
    "IDENTITY": tf.identity,
    "SIGMOID": tf.sigmoid,
    "SOFTMAX": tf.nn.softmax,
}


@register(post_processing_pb2.PostProcessing)
class PostProcessing:
    """Turns logits into scores, calibrates them, and suppresses overlapping boxes.

    Args:
      batch_non_max_suppression: a part with `select`; hard suppression by default.
      score_converter: IDENTITY, SIGMOID or SOFTMAX.
      logit_scale: logits are divided by it.
      calibration_config: a function of scores, or of logits where its `on_logits` says
        so; None for none.
      score_factors: names of columns: scores are multiplied by theirs.
      columns: the detector's column parts.
    """

    def __init__(
        self,
        *,
        batch_non_max_suppression=None,
        score_converter="IDENTITY",
        logit_scale=1.0,
        calibration_config=None,
        score_factors=(),
        columns=(),
    ):
        ranges.above("logit_scale", logit_scale)
        self.suppression = batch_non_max_suppression or BatchNonMaxSuppression()
        if score_converter != "IDENTITY" and calibration_config is None:
            name = "batch_non_max_suppression.score_threshold"
            ranges.probability(name, self.suppression.score_threshold)
        self._converter = _CONVERTERS[score_converter]
        self._logit_scale = logit_scale
        self._calibrate = calibration_config
        known = {column.name: column for column in columns}
        for name in score_factors:
            if name not in known:
                raise ValueError(
                    f"score_factors has {name!r}, which is no column of this model: "
                    f"its columns are {', '.join(known) or 'none'}"
                )
        self._factors = [known[name] for name in score_factors]

    def convert(self, class_logits, columns=None):
        """Raw outputs -> scores.

        Args:
          class_logits: [B, A, C], background column included.
          columns: {name: [B, A, n]}, for score factors.

        Returns:
          [B, A, C] float32.
        """
        logits = tf.cast(class_logits, tf.float32)
        calibrate = self._calibrate
        if calibrate is not None and calibrate.on_logits:
            logits = calibrate(logits)
        scores = self._converter(logits / self._logit_scale)
        if calibrate is not None and not calibrate.on_logits:
            scores = calibrate(scores)
        for factor in self._factors:
            scores *= factor.score(columns[factor.name])
        return scores

    def select(self, boxes, scores, window=None):
        """Detections of a batch, as the suppression part's `select`."""
        return self.suppression.select(boxes, scores, window)
