"""The least memory that a batch takes, and whether this machine has it.

A system kills a process that asks for too much without a word. What is counted here
is a lower bound (images, ground truth, and the scores of all classes), so that nothing
is refused that would run.
"""

import os
from typing import NamedTuple

from od_api.core.errors import ConfigError

_FLOAT = 4
# Of a box in a batch: corners, class, weight, flags, area.
_BYTES_PER_BOX = 40
# A detector scores every class of at least this many anchors or proposals.
_FEWEST_BOXES = 64
# The channels of the map that every class has weights for, at least.
_FEWEST_CHANNELS = 32


class Read(NamedTuple):
    """What is read for a batch of training.

    Attributes:
      factor: images for each one of the batch.
      shape: (height, width) of the largest; None: the detector's resizer decides.
    """

    factor: int = 1
    shape: tuple | None = None


def refuse_too_large(config, shares=1, memory=None, read=None):
    """Refuses a batch that cannot fit into this machine's memory.

    Args:
      config: TrainEvalPipelineConfig.
      shares: machines that share a training batch.
      memory: bytes; by default, what this machine has.
      read: Read, by the batch schemes; None: there are none.

    Raises:
      ConfigError: with the numbers, at the batch size, or at what is largest.
    """
    memory = memory or physical_memory()
    if memory is None:
        return
    for section, readers in (
        ("train_config", [config.train_input_reader]),
        ("eval_config", config.eval_input_reader),
    ):
        batch = getattr(config, section).batch_size
        boxes = max((r.max_number_of_boxes for r in readers), default=0)
        trains = section == "train_config"
        own = (read if trains else None) or Read()
        if trains and config.train_input_reader.HasField("chips"):
            own = own._replace(shape=own.shape or (1, 1))
        needed = batch_bytes(config, batch, boxes, own)
        share = shares if trains else 1
        if needed / share > memory:
            problem = _worded(config, batch, boxes, needed, memory, own)
            raise ConfigError(problem, f"{section}.batch_size")


def batch_bytes(config, batch_size, boxes, read=None):
    """The least bytes of a batch and of the weights that score classes."""
    read = read or Read()
    height, width = read.shape or _image_size(config)
    classes = _num_classes(config) + 1
    images = read.factor * batch_size * height * width * 3 * _FLOAT
    truth = read.factor * batch_size * max(boxes, 0) * _BYTES_PER_BOX
    scores = batch_size * _FEWEST_BOXES * classes * _FLOAT
    weights = _FEWEST_CHANNELS * classes * _FLOAT
    return images + truth + scores + weights


def physical_memory():
    """Bytes of this machine, or None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def _worded(config, batch, boxes, needed, memory, read):
    height, width = read.shape or _image_size(config)
    more = f", of {read.factor} images for each one" if read.factor > 1 else ""
    return (
        f"a batch takes at least {_size(needed)} and this machine has {_size(memory)}: "
        f"lower batch_size ({batch}{more}), the size of images ({height} x {width}), "
        f"max_number_of_boxes ({boxes}) or num_classes ({_num_classes(config)})"
    )


def _size(count):
    return f"{count / 1e9:,.3g} GB"


def _num_classes(config):
    model = config.model.WhichOneof("model")
    return getattr(getattr(config.model, model), "num_classes", 0) if model else 0


def _image_size(config):
    """(height, width) that images have about, or at least; 1 where they decide."""
    model = config.model.WhichOneof("model")
    resizer = model and getattr(getattr(config.model, model), "image_resizer", None)
    kind = resizer and resizer.WhichOneof("image_resizer_oneof")
    if kind == "fixed_shape_resizer":
        return resizer.fixed_shape_resizer.height, resizer.fixed_shape_resizer.width
    if kind == "keep_aspect_ratio_resizer":
        keep = resizer.keep_aspect_ratio_resizer
        if keep.pad_to_max_dimension:
            return keep.max_dimension, keep.max_dimension
        return keep.min_dimension, keep.min_dimension
    return 1, 1
