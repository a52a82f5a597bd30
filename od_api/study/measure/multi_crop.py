"""Multi-crop inference: a detector over windows of an image, put together again."""

import pathlib

import numpy as np

from od_api.core.errors import UserError
from od_api.study.measure.ensemble import as_arrays, merge

# With the whole image ten runs of a model, as many as fit the study's account of its
# ensemble: five members, about fifty runs an image.
_WINDOWS_A_SIDE = 3
# Of an image's sides: neighbouring windows overlap by two thirds of a window's side.
_SHARE = 0.6
# A box this close to a window's edge inside the image (pixels) is taken to be cut.
_MARGIN = 2.0
# What the command writes beside a cell's detections.json.
FILE = "detections_crops.json"


def windows(height, width):
    """[(ymin, xmin, ymax, xmax)] in whole pixels: the image, then 3 x 3 parts of it."""
    found = [(0, 0, height, width)]
    for top, bottom in _spans(height):
        found += [(top, left, bottom, right) for left, right in _spans(width)]
    return list(dict.fromkeys(found))


def _spans(side):
    length = max(1, round(_SHARE * side))
    starts = np.linspace(0, side - length, _WINDOWS_A_SIDE).round().astype(int)
    return [(int(start), int(start) + length) for start in starts]


def put_back(detections, window, height, width):
    """Detections of a window in the image's pixels, those that it cut left out.

    Args:
      detections: dict of `boxes` [n, 4] in the window's pixels, `scores`, `classes`.
      window: (ymin, xmin, ymax, xmax).
      height, width: of the image: a window's edge that is the image's cuts nothing.
    """
    ymin, xmin, ymax, xmax = window
    boxes = np.asarray(detections["boxes"], np.float32).reshape(-1, 4)
    boxes = boxes + np.array([ymin, xmin, ymin, xmin], np.float32)
    cut = np.zeros(len(boxes), bool)
    if ymin > 0:
        cut |= boxes[:, 0] < ymin + _MARGIN
    if xmin > 0:
        cut |= boxes[:, 1] < xmin + _MARGIN
    if ymax < height:
        cut |= boxes[:, 2] > ymax - _MARGIN
    if xmax < width:
        cut |= boxes[:, 3] > xmax - _MARGIN
    whole = {**detections, "boxes": boxes}
    return {key: np.asarray(value)[~cut] for key, value in whole.items()}


def detect_windows(detect, pixels):
    """Merged detections of all windows of an image.

    Args:
      detect: uint8 [h, w, 3] -> dict of `boxes` in its pixels, `scores`, `classes`.
      pixels: uint8 [H, W, 3].
    """
    height, width = pixels.shape[:2]
    found = []
    for window in windows(height, width):
        ymin, xmin, ymax, xmax = window
        seen = detect(pixels[ymin:ymax, xmin:xmax])
        found.append(put_back(seen, window, height, width))
    return merge(found)


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
    if not (export / "saved_model" / "saved_model.pb").is_file():
        raise UserError(
            f"{export} holds no exported model: run the cell's stage export first"
        )
    # Here because TensorFlow takes seconds to import and the report does without.
    from od_api.config.loading import load_config
    from od_api.exporting import saved_models
    from od_api.study.measure.coco_results import detect_all
    from od_api.study.measure.evaluation_images import EvaluationImage, EvaluationImages
    from od_api.study.run.cache import write_json

    folder = export / "saved_model"
    model = saved_models.load(folder)
    signature = saved_models.signature_of(model, folder)

    def detect(pixels):
        return as_arrays(detect_all(signature, [EvaluationImage(1, pixels, {})]))

    found = []
    for image in EvaluationImages(load_config(str(export / "pipeline.config"))):
        found += to_results(detect_windows(detect, image.pixels), image.image_id)
    path = export.parent / FILE
    write_json(path, found)
    return path
