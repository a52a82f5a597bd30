"""Networks without their tail: scores and box codes of all anchors, and what they mean.

For delegates and chips that run convolutions and nothing else: decoding and suppression
are left to the caller, with the file of NumPy that lies beside the network.
"""

import json
import pathlib

import numpy as np
import tensorflow as tf
from absl import logging

from od_api.core.errors import UserError
from od_api.exporting import raw_decoding
from od_api.exporting.fitted_images import fitting
from od_api.suppressions.greedy_nms import GreedyNms

FORMS = ("detections", "raw")
# Where the model has none.
_USUAL_THRESHOLD = 0.6


def outputs_of(detector, images, true_shapes):
    """As `serving.outputs_of`, of the heads alone.

    Args:
      detector: one that `check` lets through.
      images: [B, H, W, 3] float32, padded.
      true_shapes: [B, 2] int32.

    Returns:
      box_encodings [B, A, 4]; class_scores [B, A, K (+1)], background first where there
      is one; true_shapes [B, 2]: height and width of the images within the network's
      input; everything float32.
    """
    predictions = detector.call(images, true_shapes)
    outputs = {
        "box_encodings": predictions.box_codes[:, :, 0],
        "class_scores": detector.scores(predictions),
        "true_shapes": true_shapes,
    }
    return {name: tf.cast(value, tf.float32) for name, value in outputs.items()}


def check(detector):
    """Refuses what has more than heads, or anchors that depend on the image.

    Raises:
      UserError: says what to export instead.
    """
    cure = "export it with --form detections, in which everything is inside"
    if not detector.finds_boxes or detector.candidates_are_ranked or detector.reads:
        raise UserError(
            "--form raw writes the heads of a detector that looks once, at anchors "
            "(SSD, RetinaNet), and this one chooses regions, or finds no boxes, or "
            f"stands around another: {cure}"
        )
    coder = getattr(getattr(detector, "stage", None), "box_coder", None)
    if len(getattr(coder, "scales", ())) != 4:
        raise UserError(
            "--form raw knows the box codes of faster_rcnn_box_coder, and this model "
            f"has others: {cure}"
        )
    if None in (detector.resizer.output_shape or (None,)):
        raise UserError(
            "--form raw keeps the anchors in a file, and here they depend on the "
            "image's size: set fixed_shape_resizer, or pad_to_max_dimension of "
            f"keep_aspect_ratio_resizer, or {cure}"
        )


class RawModel:
    """A raw model as one that gives the raw outputs of serving, for the parity check.

    Args:
      model: takes the values of a request, gives {output name: tensor or array}.
      folder: of its `raw_decoding.Decoding`.
    """

    def __init__(self, model, folder):
        self._model, self._decoding = model, raw_decoding.Decoding(folder)
        of_any_size = not hasattr(model, "image_shape")
        self._fit = (lambda images: images) if of_any_size else fitting(model)

    def find(self, images):
        """uint8 [B, h, w, 3] -> what decode.py finds, as `Finder.find` gives it."""
        outputs = self._model(self._fit(images))
        outputs = {name: np.asarray(x) for name, x in outputs.items()}
        return [
            {f"detection_{name}": x for name, x in found.items()}
            | {"num_detections": np.float32(len(found["scores"]))}
            for found in self._decoding.detections(outputs)
        ]

    def __call__(self, images):
        """The model's outputs, and "raw_detection_boxes" and "raw_detection_scores" as
        of `serving.outputs_of`."""
        found = {name: np.asarray(x) for name, x in self._model(images).items()}
        boxes = self._decoding.boxes(found["box_encodings"])
        return {
            **found,
            "raw_detection_boxes": boxes / np.tile(self._size(), 2),
            "raw_detection_scores": found["class_scores"],
        }

    def _size(self):
        return np.array(self._decoding.settings["input_shape"], np.float32)


def write(detector, folder, steps):
    """Writes decoding.json, anchors.npy and decode.py.

    Args:
      detector: one that `check` lets through.
      folder: that is there.
      steps: as of LitertModel; empty where all outputs are real numbers.
    """
    folder = pathlib.Path(folder)
    height, width = shape = detector.resizer.output_shape
    images = tf.zeros([1, height, width, 3])
    priors = detector.priors(images, tf.constant([shape]))
    np.save(folder / "anchors.npy", np.asarray(priors.boxes, np.float32))
    settings = {
        "input_shape": [height, width],
        "box_scales": list(detector.stage.box_coder.scales),
        "background_columns": int(detector.add_background_class),
        **_of_suppression(detector.postprocess.selection.choosing),
        **({"steps": steps} if steps else {}),
    }
    text = json.dumps(settings, indent=1) + "\n"
    (folder / "decoding.json").write_text(text)
    source = pathlib.Path(raw_decoding.__file__).read_text()
    (folder / "decode.py").write_text(source)


def _of_suppression(choosing):
    """The settings of decode.py; a warning where the model suppresses otherwise."""
    found = choosing.suppression
    is_greedy = isinstance(found, GreedyNms) and found.similarity is None
    if not is_greedy or choosing.classes_per_box:
        logging.warning(
            "decode.py suppresses boxes of each class greedily, by IoU, and this model "
            "does it otherwise: the boxes before are the same, and not what is kept"
        )
    threshold = np.float32(getattr(found, "iou_threshold", _USUAL_THRESHOLD))
    if getattr(found, "inclusive", False):
        # decode.py keeps what is equal.
        threshold = np.nextafter(threshold, np.float32(-1))
    return {
        "score_threshold": choosing.score_threshold,
        "iou_threshold": float(threshold),
        "max_detections_per_class": choosing.per_class,
        "max_total_detections": choosing.total,
        "max_candidates": choosing.max_candidates,
    }
