"""The images with the most that is wrong: kept while they pass by, drawn at the end."""

import base64
import heapq
import io
import itertools
from typing import NamedTuple

import numpy as np
from PIL import Image

from od_api.metrics.diagnosis.detection_errors import KINDS, RIGHT, errors_of_image
from od_api.metrics.diagnosis.diagnosis import of_known_classes
from od_api.metrics.image_records import ImageRecords
from od_api.pictures.draw import draw_over

MOST = 8
# Pixels of the longer side; the page shows it at about 550.
_SIDE = 900
_GREEN, _RED, _AMBER = (0, 158, 115), (213, 48, 0), (240, 160, 0)
_SHORT = {
    "classification": "class",
    "localisation": "place",
    "both": "class, place",
    "duplicate": "twice",
    "background": "nothing there",
}


class _Kept(NamedTuple):
    """An image: its name, a JPEG, and objects and detections in its pixels."""

    name: bytes
    jpeg: bytes
    truth: dict
    found: dict


class WorstPicture(NamedTuple):
    """What the page shows of an image.

    Attributes:
      name: of the image, bytes.
      truth, found: pictures, as data URIs.
      wrong, missed: how many detections are wrong, and objects not found.
      shown: how many detections there are.
    """

    name: bytes
    truth: str
    found: str
    wrong: int
    missed: int
    shown: int


class WorstImages:
    """Keeps the worst images of an evaluation; small, so that they fit the memory.

    Args:
      label_map: LabelMap.
      most: how many.
    """

    def __init__(self, label_map, most=MOST):
        self._label_map, self._most = label_map, most
        self._heap, self._numbers = [], itertools.count()

    def add(self, badness, image):
        """One image of `per_image`, and how much is wrong with it."""
        if badness <= 0 or not self._most:
            return
        full = len(self._heap) == self._most
        if full and badness <= self._heap[0][0]:
            return
        # Earlier images win where they are as bad.
        entry = (badness, -next(self._numbers), self._kept(image))
        (heapq.heapreplace if full else heapq.heappush)(self._heap, entry)

    def pictures(self, threshold):
        """[WorstPicture], worst first.

        Args:
          threshold: detections of a lower score are left out.
        """
        worst = sorted(self._heap, key=lambda entry: entry[:2], reverse=True)
        return [self._picture(kept, threshold) for *_, kept in worst]

    def _kept(self, image):
        picture = Image.fromarray(image["pixels"])
        before = max(picture.size)
        picture.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
        if before < _SIDE / 2:
            factor = _SIDE // before
            picture = picture.resize([factor * n for n in picture.size])
        scale = max(picture.size) / before
        rows = [
            of_known_classes(image[f"drawn_{name}"], self._label_map)
            for name in ("groundtruth", "detections")
        ]
        for row in rows:
            row["boxes"] = np.asarray(row["boxes"], np.float32) * scale
        return _Kept(image["source_id"], _jpeg(picture), *rows)

    def _picture(self, kept, threshold):
        records = ImageRecords()
        records.put(0, kept.truth, kept.found)
        truth, found = records[0]
        found = found.rows(found.scores >= threshold)
        errors = errors_of_image(truth, found)
        left, right = (Image.open(io.BytesIO(kept.jpeg)) for _ in range(2))
        missed = np.zeros(len(truth.classes), bool)
        missed[errors.object_index] = errors.unclaimed
        draw_over(left, *self._objects(truth, missed), width=3)
        draw_over(right, *self._detections(found, errors), width=3)
        return WorstPicture(
            name=kept.name,
            truth=_data_uri(_jpeg(left)),
            found=_data_uri(_jpeg(right)),
            wrong=int(np.sum((errors.kinds != RIGHT) & ~errors.ignored)),
            missed=int(np.sum(missed)),
            shown=len(found.scores),
        )

    def _objects(self, truth, missed):
        # What is missed matters most: its label gets the best place.
        order = np.argsort(~missed, kind="stable")
        labels = [self._label_map.name(c + 1) for c in truth.classes[order]]
        crowd = truth.is_crowd[order]
        pairs = zip(labels, crowd, strict=True)
        labels = [f"{name} (crowd)" if c else name for name, c in pairs]
        colours = [_AMBER if m else _GREEN for m in missed[order]]
        return truth.boxes[order], labels, colours

    def _detections(self, found, errors):
        labels, colours = [], []
        rows = zip(
            *(errors.scores, errors.classes, errors.kinds, errors.ignored), strict=True
        )
        for score, class_index, kind, ignored in rows:
            label = f"{self._label_map.name(class_index + 1)} {score:.2f}"
            fine = kind == RIGHT or ignored
            labels.append(label if fine else f"{label}: {_SHORT[KINDS[kind]]}")
            colours.append(_GREEN if fine else _RED)
        return found.boxes[errors.order], labels, colours


def _jpeg(picture):
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=85)
    return data.getvalue()


def _data_uri(jpeg):
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
