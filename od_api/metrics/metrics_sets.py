"""From eval_config.metrics_set to evaluators."""

import difflib

from od_api.core.errors import ConfigError, MissingPart
from od_api.metrics.coco import CocoDetectionMetrics
from od_api.metrics.coco_mask import CocoMaskMetrics
from od_api.metrics.image_classification import ImageClassificationMetrics
from od_api.metrics.pascal_voc import PascalVocMetrics

_DEFAULT = "coco_detection_metrics"
_OF_IMAGES = ImageClassificationMetrics.key


def _pascal_voc(label_map, eval_config):
    return PascalVocMetrics(label_map, eval_config)


def _weighted_pascal_voc(label_map, eval_config):
    return PascalVocMetrics(
        label_map,
        key="weighted_pascal_voc_detection_metrics",
        prefix="WeightedPascalBoxes",
        weighted=True,
    )


def _precision_at_recall(label_map, eval_config):
    return PascalVocMetrics(
        label_map,
        key="precision_at_recall_detection_metrics",
        prefix="PrecisionAtRecallBoxes",
        recall_bounds=(eval_config.recall_lower_bound, eval_config.recall_upper_bound),
    )


_EVALUATORS = {
    _DEFAULT: CocoDetectionMetrics,
    _OF_IMAGES: ImageClassificationMetrics,
    "coco_mask_metrics": CocoMaskMetrics,
    "pascal_voc_detection_metrics": _pascal_voc,
    "weighted_pascal_voc_detection_metrics": _weighted_pascal_voc,
    "precision_at_recall_detection_metrics": _precision_at_recall,
}

_MASKS = "is not the way in which od_api measures masks: use coco_mask_metrics"
_OPEN_IMAGES = "needs Open Images' group-of boxes, which od_api does not read yet"
_NOT_HERE = {
    "coco_panoptic_metrics": "measures panoptic segmentation, which od_api does not do",
    "coco_keypoint_metrics": "measures keypoints, which od_api does not predict yet",
    "lvis_mask_metrics": _MASKS,
    "pascal_voc_instance_segmentation_metrics": _MASKS,
    "weighted_pascal_voc_instance_segmentation_metrics": _MASKS,
    "oid_V2_detection_metrics": _OPEN_IMAGES,
    "oid_challenge_detection_metrics": _OPEN_IMAGES,
    "oid_challenge_segmentation_metrics": _OPEN_IMAGES,
    "open_images_metrics": _OPEN_IMAGES,
    "open_images_V2_detection_metrics": _OPEN_IMAGES,
}


def build_evaluators(eval_config, label_map, finds_boxes=True):
    """The evaluators that a config asks for; where it asks for none, COCO's.

    Without boxes, those of the classes of images.

    Args:
      eval_config: EvalConfig.
      label_map: has `ids` (1-based, gaps allowed) and `name(id)`.
      finds_boxes: whether the model does.

    Returns:
      A list of evaluators: `add(image_id, groundtruth, detections)` for each image,
      then `result()`.

    Raises:
      ConfigError: a set that does not exist or is not there yet.
    """
    names = chosen_names(eval_config, finds_boxes)
    for i, name in enumerate(names):
        if name not in _EVALUATORS:
            fault = MissingPart if name in _NOT_HERE else ConfigError
            raise fault(_why_not(name), f"eval_config.metrics_set[{i}]")
        if (name == _OF_IMAGES) == finds_boxes:
            raise ConfigError(
                f"{name} measures classes of images, and this model finds boxes"
                if finds_boxes
                else f"{name} measures boxes, and this model finds classes of images: "
                f"use {_OF_IMAGES}",
                f"eval_config.metrics_set[{i}]",
            )
    return [_EVALUATORS[name](label_map, eval_config) for name in names]


def chosen_names(eval_config, finds_boxes=True):
    """The names of the metrics sets that `build_evaluators` makes."""
    default = _DEFAULT if finds_boxes else _OF_IMAGES
    return list(dict.fromkeys(eval_config.metrics_set)) or [default]


def _why_not(name):
    available = f"Available: {', '.join(sorted(_EVALUATORS))}"
    if name in _NOT_HERE:
        return f"{name} {_NOT_HERE[name]}. {available}"
    known = [*_EVALUATORS, *_NOT_HERE]
    near = difflib.get_close_matches(name, known, n=1)
    guess = f"Did you mean {near[0]}? " if near else ""
    return f"there is no metrics set {name!r}. {guess}{available}"
