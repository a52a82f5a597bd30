"""From raw class outputs and boxes to detections."""

import copy

import tensorflow as tf

from od_api.core import ranges
from od_api.core.errors import ConfigError
from od_api.core.registry import build, build_field, register
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
      columns: the detector's column parts; None where there is no detector: then the
        suppression reads what it is given.
    """

    def __init__(
        self,
        *,
        batch_non_max_suppression=None,
        score_converter="IDENTITY",
        logit_scale=1.0,
        calibration_config=None,
        score_factors=(),
        columns=None,
    ):
        ranges.above("logit_scale", logit_scale)
        self.selection = batch_non_max_suppression or BatchNonMaxSuppression()
        if score_converter != "IDENTITY" and calibration_config is None:
            name = "batch_non_max_suppression.score_threshold"
            ranges.probability(name, self.selection.score_threshold)
        self._converter = _CONVERTERS[score_converter]
        self._logit_scale = logit_scale
        self._calibrate = calibration_config
        self._columns = {column.name: column for column in columns or ()}
        if columns is not None:
            self._check_columns()
        for name in score_factors:
            if name not in self._columns:
                raise ValueError(
                    f"score_factors has {name!r}, which is no column of this model: "
                    f"its columns are {', '.join(self._columns) or 'none'}"
                )
        self._factors = [self._columns[name] for name in score_factors]

    @classmethod
    def from_proto(cls, message, **context):
        calibration = None
        if message.HasField("calibration_config"):
            calibration = build_field(message, "calibration_config", **context)
        return cls(
            batch_non_max_suppression=_selection(message, **context),
            score_converter=message.ScoreConverter.Name(message.score_converter),
            logit_scale=message.logit_scale,
            calibration_config=calibration,
            score_factors=list(message.score_factors),
            columns=context.get("columns"),
        )

    def _check_columns(self):
        """Raises ConfigError where the suppression reads a column that is not there."""
        known = [*self._columns, "level", "prior"]
        for name in self.selection.suppression.columns:
            if name not in known:
                raise ConfigError(
                    f"reads the column {name!r}, which this model has not: it has "
                    + ", ".join(known),
                    "suppression",
                )

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

    def choose(self, candidates, window):
        """Candidates, [B, 4] windows that boxes are clipped to -> Detections."""
        return self.select(
            candidates.boxes, candidates.scores, window, candidates.columns
        )

    def with_fields_of(self, message, **context):
        """The same with another choice, of the two fields that say so.

        Args:
          message: has `batch_non_max_suppression` and `suppression`.
          **context: of `build`.

        Raises:
          ConfigError: as of a PostProcessing message; or a suppression that reads a
            column which this model has not.
        """
        other = copy.copy(self)
        other.selection = _selection(message, **context)
        other._check_columns()
        return other

    def select(self, boxes, scores, window=None, columns=None):
        """Detections of a batch, as the suppression part's `select`.

        Args:
          columns: {name: [B, A, n]} as the head predicts them, `level` and `prior`; the
            suppression gets them as their `score` (or `decode`) has them.
        """
        read = {
            name: self._read(name, columns[name])
            for name in self.selection.suppression.columns
        }
        return self.selection.select(boxes, scores, window, read)

    def _read(self, name, values):
        column = self._columns.get(name)
        if column is None:
            return values
        return getattr(column, "decode", column.score)(values)


def _selection(message, **context):
    """What chooses detections, of the fields that say so."""
    suppression = None
    if message.HasField("suppression"):
        _refuse_both(message)
        suppression = build_field(message, "suppression", **context)
    try:
        return build(message.batch_non_max_suppression, suppression=suppression)
    except ConfigError as error:
        raise error.within("batch_non_max_suppression") from error


def _refuse_both(message):
    """Raises ConfigError where thresholds stand beside a suppression of its own."""
    old = message.batch_non_max_suppression
    given = [x for x in ("iou_threshold", "soft_nms_sigma") if old.HasField(x)]
    if old.use_hard_nms:
        given.append("use_hard_nms")
    if given:
        raise ConfigError(
            "is set, and so is suppression, which takes its place: remove one",
            f"batch_non_max_suppression.{given[0]}",
        )
