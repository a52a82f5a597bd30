"""What all stages share: names of losses, and predictions made of a head's outputs."""

from typing import NamedTuple

import tensorflow as tf

from od_api.core.errors import UserError
from od_api.core.types import Predictions


class StageNames(NamedTuple):
    """What a stage is called in logs.

    Attributes:
      prefix: before the name of each of its losses, e.g. "RPNLoss/".
      objectness: its classification loss is called objectness_loss.
      weight: of all its losses.
    """

    prefix: str = ""
    objectness: bool = False
    weight: float = 1.0

    def of(self, losses):
        """{name: scalar} of an objective -> {full name: weighted scalar}, in order."""
        return {self._full(name): self._weighed(x) for name, x in losses.items()}

    def told(self, reported):
        """A Reported of an objective, weighed like its losses."""
        return reported._replace(localization=self._weighed(reported.localization))

    def _full(self, name):
        if self.objectness and name == "classification_loss":
            name = "objectness_loss"
        return f"{self.prefix}{name}"

    def _weighed(self, value):
        return value if self.weight == 1.0 else self.weight * value


def reports(stage):
    """Whether a stage's objective tells of its losses, prior by prior."""
    return getattr(stage.objective, "reports", False)


def takes_class_scores(stage):
    """Whether a stage's objective learns what `Targets.class_scores` say."""
    loss = getattr(stage.objective, "loss", None)
    return getattr(loss, "takes_class_scores", False)


def losses_of(stage, predictions, targets, seed, report=None, **settings):
    """What a stage's objective makes of its predictions, under the stage's names.

    Args:
      stage: has `objective` and `names`.
      predictions: Predictions.
      targets: Targets.
      seed: int32 [2], or None.
      report: a list that gets the Reported of an objective that `reports`; None.
      **settings: further ones of the objective.

    Returns:
      {full name: weighted scalar}.
    """
    told = []
    if report is not None and reports(stage):
        settings["report"] = told
    losses = stage.objective(predictions, targets, seed, **settings)
    if told:
        report.extend(stage.names.told(one) for one in told)
    return stage.names.of(losses)


def predictions_of(outputs, priors, box_coder, image_shape, true_shapes, features=None):
    """A head's outputs as a record.

    Args:
      outputs: {"class_logits": [B, A, C], "box_codes": [B, A, D] or [B, A, Q, D], and
        columns by name}.
      priors: Priors that they belong to.
      box_coder: decodes the boxes.
      image_shape: (H, W).
      true_shapes: [B, 2] int32.
      features: see Predictions.

    Returns:
      Predictions.
    """
    columns = {name: tf.cast(x, tf.float32) for name, x in outputs.items()}
    class_logits = columns.pop("class_logits")
    codes = columns.pop("box_codes")
    if codes.shape.rank == 3:
        codes = codes[:, :, None]
    if codes.shape[-1] not in (None, box_coder.code_size):
        raise UserError(
            f"the box coder has {box_coder.code_size} numbers a box, and the head "
            f"predicts {codes.shape[-1]}: no detector here learns keypoints beside "
            "boxes; use faster_rcnn_box_coder, or model.keypoints"
        )
    boxes = box_coder.decode(codes, priors.for_codes())[..., :4]
    return Predictions(
        class_logits=class_logits,
        box_codes=codes,
        boxes=tf.stop_gradient(boxes),
        priors=priors,
        columns=columns,
        image_shape=image_shape,
        true_shapes=true_shapes,
        features=features,
    )
