"""What a config's input readers feed to training and evaluation."""

import numpy as np

from od_api.core.errors import ConfigError
from od_api.core.printable import printable
from od_api.data.config_classes import finds_boxes as finds_boxes
from od_api.data.config_classes import label_map_path as label_map_path
from od_api.data.config_classes import num_classes_of as num_classes_of
from od_api.data.evaluation_input import EvaluationInput as EvaluationInput
from od_api.data.reader_input import Input as Input
from od_api.data.training_input import TrainingInput as TrainingInput
from od_api.pictures.batches import draw_batch as draw_batch
from od_api.pictures.batches import draw_batches as draw_batches


def inputs_of(config):
    """{place: Input} of all input readers of a config.

    Raises:
      ConfigError: there is none, or one cannot be served.
    """
    inputs = {}
    if config.HasField("train_input_reader"):
        inputs["train_input_reader"] = TrainingInput(config)
    for i in range(len(config.eval_input_reader)):
        inputs[f"eval_input_reader[{i}]"] = EvaluationInput(config, i)
    if not inputs:
        raise ConfigError("is not set: there is no input reader", "train_input_reader")
    return inputs


def source_ids(batch):
    """Names of the images in a (possibly distributed) batch."""
    values = batch["source_id"]
    parts = getattr(values, "values", (values,))
    return [printable(name) for part in parts for name in np.ravel(part)]
