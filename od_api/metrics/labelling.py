"""Which detections of one class in one image are right, at one IoU (Pascal's rule).

Each detection answers for the object it overlaps most; the first one to reach the
threshold is right, later ones are wrong even where another object would do. Those of
difficult objects do not count. What is left over and lies mostly in a group of objects
is of the group: Open Images counts the best of them, or none.
"""

from typing import NamedTuple

import numpy as np
from pycocotools import mask as coco_mask

from od_api.metrics.overlaps import OF_BOXES, OF_MASKS


class Rule(NamedTuple):
    """What is measured.

    Attributes:
      of_masks: masks overlap, and not boxes. Objects whose mask is empty have none: a
        detection that finds the box of one does not count, nor does the object.
      threshold: the IoU that is enough; of groups the share of a detection's own area.
      group_weight: what a group counts, and the best detection in it; 0: neither does.
    """

    of_masks: bool = False
    threshold: float = 0.5
    group_weight: float = 0.0

    def label(self, found, truth, difficult, group_of):
        """The detections of one class and image that count, and how much.

        Args:
          found: Found, best score first.
          truth: GroundTruth of the class.
          difficult: [G] bool, objects that do not count.
          group_of: [G] bool, groups.

        Returns:
          (scores [n], hits [n] float64: 1 right, 0 wrong, the weight for a group;
          how many objects there are to find, groups by weight).
        """
        bare = self._without_mask(truth)
        seen = _Seen(len(found.scores), self.threshold)
        overlaps = OF_MASKS if self.of_masks else OF_BOXES
        single, groups = (truth.rows(~bare & of) for of in (~group_of, group_of))
        seen.match(overlaps.iou(found, single), difficult[~bare & ~group_of])
        of_groups = seen.match_groups(overlaps.share(found, groups), found.scores)
        if bare.any():
            boxes, regions = (truth.rows(bare & of) for of in (~group_of, group_of))
            hits = seen.match(OF_BOXES.iou(found, boxes), difficult[bare & ~group_of])
            seen.match_groups(OF_BOXES.share(found, regions), found.scores)
            seen.counts &= ~hits
        counted = ~difficult & ~bare
        weight = self.group_weight
        scores, hits = found.scores[seen.counts], seen.hits[seen.counts]
        if weight:
            scores = np.concatenate([scores, of_groups])
            hits = np.concatenate([hits, np.full(len(of_groups), weight)])
        total = np.sum(counted & ~group_of) + weight * np.sum(counted & group_of)
        return scores, hits.astype(np.float64), float(total)

    def _without_mask(self, truth):
        if not self.of_masks or not len(truth.boxes):
            return np.zeros(len(truth.boxes), bool)
        return coco_mask.area(truth.masks) == 0


class _Seen:
    """What became of each detection: whether it is a hit, and whether it counts."""

    def __init__(self, count, threshold):
        self.hits, self.counts = np.zeros(count, bool), np.ones(count, bool)
        self._threshold = threshold

    def match(self, overlap, difficult):
        """Takes the objects of overlap [n, m]; returns the hits [n] of these."""
        new, taken = np.zeros_like(self.hits), np.zeros(overlap.shape[1], bool)
        for i, j in self._best(overlap):
            if difficult[j]:
                self.counts[i] = False
            elif not taken[j]:
                new[i] = taken[j] = True
        self.hits |= new
        return new

    def match_groups(self, share, scores):
        """Takes the groups of share [n, m]; the best score of each that has some."""
        best = {}
        for i, j in self._best(share):
            self.counts[i] = False
            best[j] = max(best.get(j, 0.0), scores[i])
        return np.array([best[j] for j in sorted(best)])

    def _best(self, overlap):
        """(detection, object) of those that are still open and overlap enough."""
        if not overlap.shape[1]:
            return
        for i, j in enumerate(np.argmax(overlap, axis=1)):
            if self.counts[i] and not self.hits[i] and overlap[i, j] >= self._threshold:
                yield i, j
