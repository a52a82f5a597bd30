"""Images of any size for a model that takes those of one size alone."""

import numpy as np
from google.protobuf import text_format

from od_api.core.registry import build_field
from od_api.engines.artefacts import CONFIG
from od_api.protos import pipeline_pb2


def fitting(model):
    """A function that makes images fit a model: uint8 [B, h, w, 3] -> the same of its
    size.

    They are resized as the model itself resizes images, and rounded to whole values.
    That is all where its network takes one size whatever an image's proportions are
    (fixed_shape_resizer); other images come back as they are, for the model to refuse.

    Args:
      model: of an artefact, with `metadata` and `image_shape`.
    """
    size = tuple(model.image_shape or ())[1:3]
    resizer = _resizer(model.metadata) if _is_one_size(size) else None
    if resizer is None or _resized(resizer, size) != size:
        return lambda images: images

    def fit(images):
        if images.shape[1:3] == size:
            return images
        resized, true_shape = resizer(images)
        if tuple(true_shape.numpy()) != size:  # the rest would be padding
            return images
        return np.clip(np.rint(resized), 0, 255).astype(np.uint8)

    return fit


def _is_one_size(size):
    return len(size) == 2 and all(isinstance(side, int) for side in size)


def _resized(resizer, size):
    """The size that an image of a size gets in the network's input."""
    return tuple(int(side) for side in resizer.size_of(np.array(size, np.int32)))


def _resizer(metadata):
    """Of the model's config; None where it has none."""
    config = pipeline_pb2.TrainEvalPipelineConfig()
    text_format.Parse(metadata.get(CONFIG, ""), config)
    kind = config.model.WhichOneof("model")
    return kind and build_field(getattr(config.model, kind), "image_resizer")
