"""Multi-crop inference: a detector over windows of an image, put together again."""

import math
import pathlib

import numpy as np

from od_api.core.errors import UserError
from od_api.engines.artefacts import SAVED_MODEL, artefact_at
from od_api.study.measure.ensemble import as_arrays, merge
from od_api.tiles.tiling import Window

# With the whole image ten runs of a model, as many as fit the study's account of its
# ensemble: five members, about fifty runs an image.
_WINDOWS_A_SIDE = 3
# Of an image's sides: neighbouring windows overlap by two thirds of a window's side.
_SHARE = 0.6
# The whole image is seen, too, and better than any window sees what it cuts.
_SEEN_ELSEWHERE = (math.inf, math.inf, -math.inf, -math.inf)
# What the command writes beside a cell's detections.json.
FILE = "detections_crops.json"


def windows(height, width):
    """[Window]: the image, then 3 x 3 parts of it that leave out what they cut."""
    found = [Window(0, 0, height, width)]
    for top, bottom in _spans(height):
        for left, right in _spans(width):
            found.append(Window(top, left, bottom, right, _SEEN_ELSEWHERE))
    return list({window[:4]: window for window in reversed(found)}.values())[::-1]


def _spans(side):
    length = max(1, round(_SHARE * side))
    starts = np.linspace(0, side - length, _WINDOWS_A_SIDE).round().astype(int)
    return [(int(start), int(start) + length) for start in starts]


def detect_windows(detect, pixels):
    """Merged detections of all windows of an image.

    Args:
      detect: uint8 [h, w, 3] -> dict of `boxes` in its pixels, `scores`, `classes`.
      pixels: uint8 [H, W, 3].
    """
    height, width = pixels.shape[:2]
    return merge(
        [
            window.put_back(detect(window.of(pixels)), height, width)
            for window in windows(height, width)
        ]
    )


def to_results(detections, image_id):
    """COCO results of one image's detections."""
    rows = zip(*(detections[k] for k in ("boxes", "scores", "classes")), strict=True)
    return [
        {
            "image_id": image_id,
            "category_id": int(class_id) + 1,
            "bbox": [round(float(v), 3) for v in (x, y, right - x, bottom - y)],
            "score": round(float(score), 6),
        }
        for (y, x, bottom, right), score, class_id in rows
    ]


def write_crops(results, cell):
    """Runs a cell's exported model over windows of the evaluation images.

    Writes RESULTS/<cell>/detections_crops.json, which the report's ensemble takes up.

    Returns:
      The file's path.

    Raises:
      UserError: the cell was not exported.
    """
    export = pathlib.Path(results) / cell / "export"
    is_saved_model = (export / SAVED_MODEL / "saved_model.pb").is_file()
    if not is_saved_model and artefact_at(export) is None:
        raise UserError(
            f"{export} holds no exported model: run the cell's stage export first"
        )
    # Here because TensorFlow takes seconds to import and the report does without.
    from od_api.config.loading import load_config
    from od_api.inference.finders import finder
    from od_api.study.measure.coco_results import detect_all
    from od_api.study.measure.evaluation_images import EvaluationImage, EvaluationImages
    from od_api.study.run.cache import write_json

    find = finder(export).find

    def detect(pixels):
        return as_arrays(detect_all(find, [EvaluationImage(1, pixels, {})]))

    found = []
    for image in EvaluationImages(load_config(str(export / "pipeline.config"))):
        found += to_results(detect_windows(detect, image.pixels), image.image_id)
    path = export.parent / FILE
    write_json(path, found)
    return path
