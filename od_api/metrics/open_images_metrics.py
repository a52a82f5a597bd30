"""Open Images' metrics, under the names that the old API gave them.

Pascal's average precision at IoU .5, with groups of objects: a detection that is no
hit and lies mostly (by half of its own area) in a group of its class is of the group.
V2 leaves such detections out. The challenge of 2019 counts a group as one object, found
by the best detection in it, and measures an image only in the classes that are known of
it: those that somebody verified (image/class/*), and those of its boxes. Difficult
objects are objects.
"""

import numpy as np

from od_api.core.warn_once import warn_once
from od_api.metrics.labelling import Rule
from od_api.metrics.pascal_voc import PascalVocMetrics


class OpenImagesMetrics(PascalVocMetrics):
    """Collects images, then computes AP at one IoU.

    Args:
      label_map, eval_config: as of PascalVocMetrics;
        `image_classes_field_map_empty_to_ones` counts.
      key, prefix, of_masks: as of PascalVocMetrics.
      group_weight: what a group of objects counts.
      verified_only: an image counts in its known classes alone. Where its record names
        no class of the whole image, all are known, unless the config says otherwise.
    """

    def __init__(
        self,
        label_map,
        eval_config=None,
        *,
        key="oid_V2_detection_metrics",
        prefix="OpenImagesV2",
        of_masks=False,
        group_weight=0.0,
        verified_only=False,
    ):
        super().__init__(
            label_map, eval_config, key=key, prefix=prefix, of_masks=of_masks
        )
        self._rule = Rule(of_masks, self.iou_threshold, group_weight)
        self._verified_only = verified_only
        self._all_where_none = (
            eval_config is None or eval_config.image_classes_field_map_empty_to_ones
        )

    def result(self):
        """{metric name: float}; a word where no image has verified classes."""
        known = [truth.known.verified for truth, _ in self._records.values()]
        if self._verified_only and known and all(classes is None for classes in known):
            counted = "all classes" if self._all_where_none else "those of their boxes"
            warn_once(
                f"{self.key}: no record has image/class/text or image/class/label, so "
                f"images count in {counted}"
            )
        return super().result()

    def settings(self):
        """What the numbers depend on, for the report."""
        own = {
            "group_weight": self._rule.group_weight,
            "classes": "verified" if self._verified_only else "all",
        }
        return super().settings() | own

    def _label_image(self, truth, found):
        """`Rule.label` of one class and image; nothing where the class is unknown."""
        if not self._counts(truth, found):
            found = found.rows(slice(0))
        nothing = np.zeros(len(truth.boxes), bool)
        return self._rule.label(found, truth, nothing, truth.group_of)

    def _counts(self, truth, found):
        verified = truth.known.verified
        if not self._verified_only or len(truth.boxes) or not len(found.classes):
            return True
        if verified is None:
            return self._all_where_none
        return found.classes[0] in verified
