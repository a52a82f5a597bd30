"""A stage that looks at regions: the second stage of Faster R-CNN and R-FCN."""

import copy

import tensorflow as tf

from od_api.core import boxes as box_ops
from od_api.core.shapes import image_windows
from od_api.detectors.stage import losses_of, predictions_of


class RegionStage:
    """Classifies and refines proposals; stages may follow each other.

    With three of them it is Cascade R-CNN (Cai and Vasconcelos, CVPR 2018): each
    assigns the boxes of the one before anew.

    Args:
      regions: CroppedRegions or PositionSensitiveRegions.
      box_coder: between codes and boxes.
      objective: (predictions, targets, seed, drawn) -> {name: scalar}.
      names: StageNames.
    """

    def __init__(self, *, regions, box_coder, objective, names):
        self.regions = regions
        self.box_coder = box_coder
        self.objective = objective
        self.names = names

    def predict(self, features, image_shape, true_shapes, priors, training=False):
        """{level: map}, Priors [B, P, 4] -> Predictions."""
        found = self.regions(features, priors, image_shape, training)
        outputs = {"class_logits": found.class_logits, "box_codes": found.box_codes}
        return predictions_of(
            outputs, priors, self.box_coder, image_shape, true_shapes, found.features
        )

    def static(self):
        """The same stage with a region operator of static shapes."""
        regions = copy.copy(self.regions)
        regions.operator = regions.operator.static()
        other = copy.copy(self)
        other.regions = regions
        return other

    def losses(self, predictions, targets, seed=None, report=None):
        """The objective's losses under the stage's names; the priors are drawn."""
        return losses_of(self, predictions, targets, seed, report, drawn=True)

    def refined(self, predictions):
        """Priors of the stage that follows: the boxes of the best classes, clipped."""
        best = tf.argmax(predictions.class_logits[..., 1:], axis=-1)
        window = image_windows(predictions.true_shapes)[:, None]
        boxes = box_ops.clip(predictions.boxes_of(best), window)
        return predictions.priors._replace(boxes=boxes)
