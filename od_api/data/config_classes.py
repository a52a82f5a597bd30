"""The classes that a config speaks of: how many, and of what."""

from od_api.core.errors import ConfigError
from od_api.core.registry import part_class


def num_classes_of(config):
    """`num_classes` of whatever model a config has."""
    model = getattr(config.model, config.model.WhichOneof("model") or "ssd")
    return model.num_classes


def finds_boxes(config):
    """Whether the model of a config finds boxes, and not classes of whole images."""
    return getattr(part_class(config.model), "finds_boxes", True)


def label_map_path(config):
    """The label map that a model is exported with: the evaluation's, or training's."""
    for reader in [*config.eval_input_reader, config.train_input_reader]:
        if reader.label_map_path:
            return reader.label_map_path
    raise ConfigError("is not set in any input reader", "label_map_path")
