"""What a conversion counts: images and boxes written, what was left out, and why."""

import collections
import dataclasses
import math

# More examples of one kind of skipped thing would drown the summary.
EXAMPLES = 5
# Pixels; less than this at the border is rounding.
_CLIP_TOLERANCE = 0.5


def with_left_out(summary, left_out):
    """A summary with {reason: places} of what was left out before."""
    for reason, places in left_out.items():
        if places:
            summary["skipped"][reason] = len(places)
            summary["examples"][reason] = places[:EXAMPLES]
    return summary


class Summary:
    """Counts what was written and what was not."""

    def __init__(self):
        self._totals = collections.Counter()
        self._per_class = collections.Counter()
        self._notes = collections.Counter()
        self._skipped = collections.Counter()
        self._examples = collections.defaultdict(list)

    @property
    def num_images(self):
        """Images that were written."""
        return self._totals["images"]

    def skip(self, reason, where):
        """Counts a thing that was left out."""
        self._skipped[reason] += 1
        if len(self._examples[reason]) < EXAMPLES:
            self._examples[reason].append(where)

    def usable(self, boxes, width, height):
        """The boxes that have an extent inside the image, cut at its border."""
        kept = []
        for box in boxes:
            cut = _cut(box, width, height)
            if reason := _fault(box, cut):
                self.skip(reason, box.where)
                continue
            self._totals["clipped_boxes"] += _moved(box, cut) > _CLIP_TOLERANCE
            kept.append(cut)
        return kept

    def count(self, boxes, notes=()):
        """Counts an image that was written, its boxes, and what was done to it."""
        self._notes.update([*notes, *(b.note for b in boxes if b.note)])
        self._totals["images"] += 1
        self._totals["images_without_boxes"] += not boxes
        self._totals["boxes"] += len(boxes)
        self._per_class.update(box.class_text for box in boxes)

    def as_dict(self):
        """As `write_records` returns it."""
        names = ("images", "images_without_boxes", "boxes", "clipped_boxes")
        return {
            **{name: self._totals[name] for name in names},
            "per_class": dict(sorted(self._per_class.items())),
            "notes": dict(self._notes),
            "skipped": dict(self._skipped),
            "examples": dict(self._examples),
        }


def _cut(box, width, height):
    return dataclasses.replace(
        box,
        xmin=min(max(box.xmin, 0), width),
        ymin=min(max(box.ymin, 0), height),
        xmax=min(max(box.xmax, 0), width),
        ymax=min(max(box.ymax, 0), height),
    )


def _moved(box, cut):
    """How far the farthest edge was moved, in pixels."""
    edges = ("xmin", "ymin", "xmax", "ymax")
    return max(abs(getattr(box, e) - getattr(cut, e)) for e in edges)


def _fault(box, cut):
    """Why a box cannot be used; None if it can."""
    if not all(map(math.isfinite, (box.xmin, box.ymin, box.xmax, box.ymax))):
        return "box with NaN or infinity"
    if box.xmax < box.xmin or box.ymax < box.ymin:
        return "box with its maximum below its minimum"
    if box.xmax == box.xmin or box.ymax == box.ymin:
        return "box of size zero"
    if cut.xmax <= cut.xmin or cut.ymax <= cut.ymin:
        return "box outside of the image"
    return None
