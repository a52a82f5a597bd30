"""Images of any size for a model that takes those of one size alone."""

import numpy as np

from od_api.config.loading import parse_message
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

    Raises:
      ConfigError: the config in a model of one size cannot be read.
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
    """And not of sizes that may vary, which engines write as None, text or -1."""
    return len(size) == 2 and all(isinstance(s, int) and s > 0 for s in size)


def _resized(resizer, size):
    """The size that an image of a size gets in the network's input."""
    return tuple(int(side) for side in resizer.size_of(np.array(size, np.int32)))


def _resizer(metadata):
    """Of the model's config; None where it has none."""
    config = pipeline_pb2.TrainEvalPipelineConfig()
    parse_message(metadata.get(CONFIG, ""), config, "the model's config")
    kind = config.model.WhichOneof("model")
    return kind and build_field(getattr(config.model, kind), "image_resizer")
