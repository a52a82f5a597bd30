"""How often the best classes of an image are right."""

import numpy as np

# As of ImageNet's challenge.
TOPS = (1, 5)


class ImageClassificationMetrics:
    """The share of images that have a class among the best one, and the best five.

    An image of several classes is right if one of them is found. Images without any
    class that the label map has are left out. -1 where there is no image.

    Args:
      label_map: has `ids` and `name(id)`.
      eval_config: not needed.

    Attributes:
      num_images: images added.
    """

    key = "image_classification_metrics"
    needs_masks = False

    def __init__(self, label_map, eval_config=None):
        del eval_config
        self._label_map = label_map
        self._ranks, self._truth, self._best = [], [], []
        self.num_images = 0

    def add(self, image_id, groundtruth, detections):
        """Takes an image: image_classes [K] 0/1; scores [K] of all classes."""
        del image_id
        self.num_images += 1
        right = np.flatnonzero(groundtruth["image_classes"] > 0)
        if not len(right):
            return
        order = np.argsort(-detections["scores"], kind="stable")
        self._ranks.append(int(np.flatnonzero(np.isin(order, right))[0]))
        self._truth.append(right)
        self._best.append(int(order[0]))

    def result(self):
        """{"ImageClassification/top_1_accuracy", ".../top_5_accuracy"}, in 0..1."""
        ranks = np.array(self._ranks)
        return {
            f"ImageClassification/top_{top}_accuracy": (
                float((ranks < top).mean()) if len(ranks) else -1.0
            )
            for top in TOPS
        }

    def per_class(self):
        """A dict a class: id, name, images that have it, and that are taken for it."""
        counts = np.bincount(np.concatenate([*self._truth, []]).astype(int))
        found = np.bincount(np.array(self._best, int))
        return [
            {
                "id": i,
                "name": self._label_map.name(i),
                "groundtruth": int(counts[i - 1]) if i <= len(counts) else 0,
                "detections": int(found[i - 1]) if i <= len(found) else 0,
                "AP": None,
            }
            for i in self._label_map.ids
        ]

    def curves(self):
        """None: there are no precision-recall curves."""

    def settings(self):
        """What the report says of how was measured."""
        return {"tops": list(TOPS)}
