"""The files that a config names, opened as a run opens them: records and checkpoint."""

import tempfile

import tensorflow as tf

from od_api.config_checks.asking import refusals
from od_api.config_checks.parts import trains
from od_api.data.inputs import EvaluationInput, TrainingInput
from od_api.training.state import TrainingState

_READER = "train_input_reader"


def file_errors(config):
    """Yields a ConfigError for records or a checkpoint that a run would refuse.

    Args:
      config: TrainEvalPipelineConfig in which nothing else is wrong.
    """
    if trains(config):
        yield from refusals(_open_records, config, place=_READER)
        checkpoint = "train_config.fine_tune_checkpoint"
        yield from refusals(_restore, config, place=checkpoint)
    for i in range(len(config.eval_input_reader)):
        place = f"eval_input_reader[{i}]"
        yield from refusals(_open, EvaluationInput(config, i), place, place=place)


def _open_records(config):
    _open(TrainingInput(config), _READER)


def _open(source, place):
    source.check()
    source.refuse_masks(place)


def _restore(config):
    """Builds what training builds, in a folder where nothing was trained before."""
    if config.train_config.fine_tune_checkpoint:
        with tempfile.TemporaryDirectory() as folder:
            TrainingState(config, folder, tf.distribute.get_strategy())
