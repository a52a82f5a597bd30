"""What all tiles of an image give, suppressed as a config says."""

import numpy as np
from absl import logging

from od_api.core.errors import ConfigError, UserError
from od_api.core.message_fields import set_values
from od_api.core.warn_once import warn_once
from od_api.postprocess.post_processing import PostProcessing
from od_api.protos import post_processing_pb2

_FIELDS = ("batch_non_max_suppression", "suppression")


class TileMerging:
    """Suppresses once more what the tiles give: by class, or over all classes.

    Only what tiles give is held in memory. Counts and thresholds are of the whole
    image.

    Args:
      selection: a BatchNonMaxSuppression.

    Raises:
      UserError: its suppression reads what detections do not have.
    """

    def __init__(self, selection):
        for name in selection.suppression.columns:
            raise UserError(
                f"tiles are merged by the model's suppression, and this one reads "
                f"{name!r} of each candidate, which detections have not: set another "
                "suppression, such as greedy_nms"
            )
        self._selection = selection

    @classmethod
    def of_config(cls, config):
        """That of a TrainEvalPipelineConfig; without one, the schema's defaults.

        Raises:
          ConfigError: a value that cannot be, with its field.
        """
        pyramid = config.inference.image_pyramid
        places = [("inference.image_pyramid", pyramid)]
        places += _post_processings(config.model, "model")
        for place, message in places:
            if any(message.HasField(name) for name in _FIELDS):
                try:
                    return cls(PostProcessing().with_fields_of(message).selection)
                except ConfigError as error:
                    raise error.within(place) from error
        logging.warning(
            "tiles are merged by an IoU of 0.6: no pipeline.config beside the model "
            "says how"
        )
        return cls(PostProcessing().selection)

    def __call__(self, found, height, width):
        """Detections of all tiles -> those of the image, best first.

        Args:
          found: list of dicts of arrays: `boxes` [n, 4] in pixels of the image,
            `scores`, `classes`, and what else belongs to the rows, such as `masks`.
          height, width: of the image, which boxes are clipped to.
        """
        together = {
            name: np.concatenate([np.asarray(one[name]) for one in found])
            for name in found[0]
        }
        window = np.array([[0, 0, height, width]], np.float32)
        groups = [np.arange(len(together["scores"]))]
        if not self._selection.class_agnostic:
            classes = together["classes"]
            groups = [np.flatnonzero(classes == c) for c in np.unique(classes)]
        kept = [self._kept(together, rows, window) for rows in groups if len(rows)]
        if not kept:
            return {name: values[:0] for name, values in together.items()}
        rows, boxes, scores = (np.concatenate(x) for x in zip(*kept, strict=True))
        total = self._selection.max_total_detections
        if len(rows) > total:
            warn_once(
                f"an image has more than max_total_detections ({total}) objects in its "
                "tiles, and the best are kept: raise it in the model's "
                "batch_non_max_suppression"
            )
        best = np.argsort(-scores, kind="stable")[:total]
        merged = {name: values[rows[best]] for name, values in together.items()}
        return {**merged, "boxes": boxes[best], "scores": scores[best]}

    def _kept(self, together, rows, window):
        """(rows, boxes, scores) that are kept of some rows."""
        found = self._selection.select(
            together["boxes"][rows][None],
            together["scores"][rows][None, :, None],
            window,
        )
        count = int(found.count[0])
        places = found.anchor_indices.numpy()[0, :count]
        boxes, scores = (x.numpy()[0, :count] for x in (found.boxes, found.scores))
        return rows[places], boxes, scores


def _post_processings(message, place):
    """Yields (place, message) of the PostProcessings in a model, at any depth."""
    for name, field, value in set_values(message):
        if isinstance(value, post_processing_pb2.PostProcessing):
            yield f"{place}.{name}", value
        elif field.message_type is not None:
            yield from _post_processings(value, f"{place}.{name}")
