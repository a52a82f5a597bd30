"""From eval_config.metrics_set to evaluators."""

import difflib
import functools

from od_api.core.errors import ConfigError, MissingPart
from od_api.metrics.coco import CocoDetectionMetrics
from od_api.metrics.coco_mask import CocoMaskMetrics
from od_api.metrics.image_classification import ImageClassificationMetrics
from od_api.metrics.lvis import LvisDetectionMetrics, LvisMaskMetrics
from od_api.metrics.open_images_metrics import OpenImagesMetrics
from od_api.metrics.pascal_voc import PascalVocMetrics

_DEFAULT = "coco_detection_metrics"
_OF_IMAGES = ImageClassificationMetrics.key


def _precision_at_recall(label_map, eval_config):
    return PascalVocMetrics(
        label_map,
        key="precision_at_recall_detection_metrics",
        prefix="PrecisionAtRecallBoxes",
        recall_bounds=(eval_config.recall_lower_bound, eval_config.recall_upper_bound),
    )


def _of(kind, prefix, **settings):
    return functools.partial(kind, prefix=prefix, **settings)


_EVALUATORS = {
    _DEFAULT: CocoDetectionMetrics,
    _OF_IMAGES: ImageClassificationMetrics,
    "coco_mask_metrics": CocoMaskMetrics,
    "lvis_mask_metrics": LvisMaskMetrics,
    "lvis_detection_metrics": LvisDetectionMetrics,
    "precision_at_recall_detection_metrics": _precision_at_recall,
}

# Those that are one evaluator with other settings.
_FORMS = {
    "pascal_voc_detection_metrics": _of(PascalVocMetrics, "PascalBoxes"),
    "weighted_pascal_voc_detection_metrics": _of(
        PascalVocMetrics, "WeightedPascalBoxes", weighted=True
    ),
    "pascal_voc_instance_segmentation_metrics": _of(
        PascalVocMetrics, "PascalMasks", of_masks=True
    ),
    "weighted_pascal_voc_instance_segmentation_metrics": _of(
        PascalVocMetrics, "WeightedPascalMasks", weighted=True, of_masks=True
    ),
    "oid_V2_detection_metrics": _of(OpenImagesMetrics, "OpenImagesV2"),
    "open_images_V2_detection_metrics": _of(OpenImagesMetrics, "OpenImagesV2"),
    # What the old API's first evaluator called three of them, in 2017.
    "pascal_voc_metrics": _of(PascalVocMetrics, "PascalBoxes"),
    "weighted_pascal_voc_metrics": _of(
        PascalVocMetrics, "WeightedPascalBoxes", weighted=True
    ),
    "open_images_metrics": _of(OpenImagesMetrics, "OpenImagesV2"),
    "oid_challenge_detection_metrics": _of(
        OpenImagesMetrics,
        "OpenImagesDetectionChallenge",
        group_weight=1.0,
        verified_only=True,
    ),
    "oid_challenge_segmentation_metrics": _of(
        OpenImagesMetrics,
        "OpenImagesInstanceSegmentationChallenge",
        of_masks=True,
        verified_only=True,
    ),
}
for _name, _form in _FORMS.items():
    _EVALUATORS[_name] = functools.partial(_form, key=_name)

_NOT_HERE = {
    "coco_panoptic_metrics": "measures panoptic segmentation, which od_api does not do",
    "coco_keypoint_metrics": "measures keypoints, which od_api does not predict yet",
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
