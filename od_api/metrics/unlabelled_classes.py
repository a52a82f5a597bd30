"""Detections of classes that nobody looked for in an image: neither right nor wrong."""

import numpy as np


def of_labelled_classes(groundtruth, detections, all_where_none):
    """The detections whose class is known of their image.

    That are classes of which somebody said whether they are there (image/class/*), and
    those of its boxes.

    Args:
      groundtruth: as `ImageRecords.put` takes it.
      detections: likewise; masks are a list.
      all_where_none: whether an image of which nobody said anything counts in all
        classes, or in those of its boxes.
    """
    verified = groundtruth.get("verified_classes")
    if verified is None and all_where_none:
        return detections
    known = [*(() if verified is None else verified), *groundtruth["classes"]]
    rows = np.flatnonzero(np.isin(detections["classes"], known))
    return {name: _rows(values, rows) for name, values in detections.items()}


def _rows(values, rows):
    if values is None:
        return None
    if isinstance(values, list):
        return [values[i] for i in rows]
    return np.asarray(values)[rows]
