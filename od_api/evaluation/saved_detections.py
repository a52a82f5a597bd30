"""The detections of an evaluation, kept as COCO results."""

import json
import os
import pathlib

from absl import logging

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.evaluation.detection_files import image_key
from od_api.system.leftovers import workspace


class SavedDetections:
    """Collects detections, then writes them to one file.

    Numbers are written in full, so that `od-api eval --detections` measures the same.
    Classes that the label map lacks are left out: no metric counts them.

    Args:
      path: of the JSON file.
      asked_for: else it is no error if images have no names of their own: there is no
        file then, and a warning.
    """

    def __init__(self, path, asked_for=True):
        self._path, self._results, self._seen = pathlib.Path(path), [], set()
        self._asked_for, self._fault = asked_for, None
        if self._path.is_dir():
            raise UserError(f"{printable(path)} is a folder: name a JSON file in it")

    def add(self, source_id, found, label_map):
        """The detections of one image.

        Args:
          source_id: bytes.
          found: `detections` of `per_image`.
          label_map: LabelMap.

        Raises:
          UserError: the image has no name, or that of another one.
        """
        key = image_key(source_id)
        if not key or key in self._seen:
            fault = "two images are called" if key else "no image may be called"
            self._refuse(
                f"{fault} {printable(key)!r}, so that nobody could tell whose the "
                "saved detections are: give records a source_id of their own"
            )
        self._seen.add(key)
        masks = found.get("masks") or [None] * len(found["scores"])
        rows = zip(
            found["boxes"].tolist(),
            found["scores"].tolist(),
            (found["classes"] + 1).tolist(),
            masks,
            strict=True,
        )
        for (ymin, xmin, ymax, xmax), score, class_id, mask in rows:
            if class_id in label_map.ids:
                result = {
                    "image_id": int(key) if key.isdecimal() else key,
                    "category_id": class_id,
                    "bbox": [xmin, ymin, xmax - xmin, ymax - ymin],
                    "score": score,
                }
                mask = {"segmentation": mask} if mask is not None else {}
                self._results.append(result | mask)

    def _refuse(self, fault):
        if self._asked_for:
            raise UserError(fault)
        self._fault = self._fault or fault

    def write(self):
        """Writes the file, whole or not at all."""
        if self._fault:
            logging.warning("no %s: %s", printable(self._path), self._fault)
            self._path.unlink(missing_ok=True)
            return
        with workspace(self._path) as folder:
            temporary = folder / self._path.name
            lines = ",\n".join(json.dumps(result) for result in self._results)
            temporary.write_text(f"[\n{lines}\n]\n")
            os.replace(temporary, self._path)
