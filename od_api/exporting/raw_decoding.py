"""From what a network of `od-api export --form raw` says to detections.

Needs NumPy alone; decoding.json and anchors.npy lie beside the network:

    import decode
    decoding = decode.Decoding("exported/")
    for found in decoding.detections(outputs):   # outputs: {name: array} of a batch
        found["boxes"], found["scores"], found["classes"]
"""

import json
import pathlib

import numpy as np

# Of logarithms of sizes: such boxes are far beyond every image.
_LARGEST_LOG = 20.0
# So many scores for each place of the list are looked at first, and then so many times
# more, until the list is full.
_FIRST_PER_PLACE, _GROWTH = 5, 8


class Decoding:
    """What is known of a network's outputs: attributes are the fields of decoding.json.

    Args:
      folder: of decoding.json and anchors.npy.

    Attributes:
      anchors: [A, 4] ymin, xmin, ymax, xmax in pixels of the network's input.
      settings: the dict of decoding.json; `steps` are scale and zero point of outputs
        in integers, by name.
    """

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.anchors = np.load(folder / "anchors.npy")
        self.settings = json.loads((folder / "decoding.json").read_text())

    def boxes(self, box_encodings):
        """[B, A, 4] codes -> [B, A, 4] boxes in pixels of the network's input."""
        lows, highs = self.anchors[:, :2], self.anchors[:, 2:]
        sizes = highs - lows
        codes = box_encodings / np.array(self.settings["box_scales"], np.float32)
        centres = codes[..., :2] * sizes + (lows + highs) / 2
        halves = np.exp(np.minimum(codes[..., 2:], _LARGEST_LOG)) * sizes / 2
        return np.concatenate([centres - halves, centres + halves], axis=-1)

    def detections(self, outputs):
        """{output name: array} -> a dict for each image of the batch.

        Outputs of integers, of a network of `--full-integer`, are taken as they are.

        Returns:
          dicts of "boxes" [N, 4], 0..1 of the image, "scores" [N], best first, and
          "classes" [N], ids of the label map.
        """
        outputs = {name: self._real(name, x) for name, x in outputs.items()}
        boxes = self.boxes(outputs["box_encodings"])
        scores = outputs["class_scores"][..., self.settings["background_columns"] :]
        whole = np.tile(np.float32(self.settings["input_shape"]), (len(boxes), 1))
        images = zip(boxes, scores, outputs.get("true_shapes", whole), strict=True)
        return [self._of_image(*image) for image in images]

    def _real(self, name, values):
        """What integers say; float32 as it is."""
        if not np.issubdtype(values.dtype, np.integer):
            return values
        scale, zero = self.settings["steps"][name]
        return (values.astype(np.float32) - zero) * np.float32(scale)

    def _of_image(self, boxes, scores, shape):
        total = self.settings["max_total_detections"]
        for floor in self._floors(scores):
            found = self._above(floor, boxes, scores, shape)
            if len(found["scores"]) == total:
                break
        return found

    def _floors(self, scores):
        """Thresholds, the last one the model's own: scores below a higher one change
        nothing above it, and few of them are looked at if the list is full before."""
        least = self.settings["score_threshold"]
        best = -np.sort(-scores, axis=None)
        size = _FIRST_PER_PLACE * self.settings["max_total_detections"]
        while size < len(best) and best[size] > least:
            yield best[size]
            size *= _GROWTH
        yield least

    def _above(self, floor, boxes, scores, shape):
        """The detections with scores above a floor."""
        known = self.settings
        rows, classes = [], []
        for c in range(scores.shape[1]):
            order = np.flatnonzero(scores[:, c] > floor)
            order = order[np.argsort(-scores[order, c], kind="stable")]
            if known["max_candidates"]:
                order = order[: known["max_candidates"]]
            most = known["max_detections_per_class"]
            kept = order[_kept(boxes[order], known["iou_threshold"], most)]
            rows, classes = [*rows, *kept], [*classes, *[c] * len(kept)]
        rows, classes = np.array(rows, int), np.array(classes, int)
        clipped = np.clip(boxes[rows], 0, np.tile(shape, 2))
        has_area = ((clipped[:, 2:] - clipped[:, :2]) > 0).all(axis=1)
        clipped, rows, classes = clipped[has_area], rows[has_area], classes[has_area]
        best = np.argsort(-scores[rows, classes], kind="stable")
        best = best[: known["max_total_detections"]]
        return {
            "boxes": clipped[best] / np.tile(shape, 2),
            "scores": scores[rows[best], classes[best]],
            "classes": classes[best] + 1,
        }


def _kept(boxes, threshold, most):
    """Places of the first `most` boxes, best first, that no better one overlaps by
    more."""
    kept = []
    for i, box in enumerate(boxes):
        if len(kept) == most:
            break
        if not kept or _iou(box, boxes[kept]).max() <= threshold:
            kept.append(i)
    return np.array(kept, int)


def _iou(box, others):
    lows, highs = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.maximum(highs - lows, 0).prod(axis=1)
    areas = (others[:, 2:] - others[:, :2]).prod(axis=1)
    union = areas + (box[2:] - box[:2]).prod() - shared
    return np.where(union > 0, shared / np.where(union > 0, union, 1), 0)
