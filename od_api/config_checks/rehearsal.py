"""A step of training and one of evaluation, traced and not run.

What only shows when parts meet shows here: augmentations that need what a reader does
not read, a coder of keypoints without keypoints, masks to learn without masks.
"""

import contextlib

import tensorflow as tf

from od_api.config_checks.asking import refusals
from od_api.config_checks.parts import trains
from od_api.config_checks.reader_checks import measures_masks
from od_api.core.errors import ConfigError, UserError
from od_api.data.batch_fields import numeric, targets_of
from od_api.data.inputs import EvaluationInput, TrainingInput
from od_api.evaluation.readers import refuse_without_masks


def rehearsal_errors(config, parts):
    """Yields a ConfigError for what a first step would refuse.

    Args:
      config: TrainEvalPipelineConfig whose readers and metrics are good.
      parts: Parts of it, all built.
    """
    if trains(config):
        yield from refusals(_rehearse_training, config, parts.detector)
    if config.eval_input_reader and parts.evaluated is not None:
        yield from refusals(_rehearse_evaluation, config, parts.evaluated)


def _rehearse_training(config, detector):
    source = TrainingInput(config, files=False)
    with _placed("train_config.data_augmentation_options"):
        spec = source.training_spec(detector)
    source.schemes.create_variables()
    seed = (0, 0)

    def step(batch):
        batch = source.schemes(batch, tf.constant(seed))
        return _losses(detector, batch, seed, training=True)

    with _placed("model"):
        _trace(step, numeric(spec))


def _rehearse_evaluation(config, detector):
    masks = measures_masks(config)
    for i in range(len(config.eval_input_reader)):
        source = EvaluationInput(config, i, files=False)
        with _placed(f"eval_input_reader[{i}]"):
            spec = source.evaluation_spec(detector)
    if not (masks and detector.finds_boxes):
        return

    def step(batch):
        further = {name: batch[name] for name in detector.reads}
        found = detector.detect(
            detector.call(batch["image"], batch["true_shape"], **further)
        )
        refuse_without_masks(found)

    with _placed("model"):
        _trace(step, numeric(spec))


def _losses(detector, batch, seed, training):
    targets = targets_of(batch)
    predictions = detector.call(
        batch["image"],
        batch["true_shape"],
        training=training,
        targets=targets,
        seed=seed,
    )
    return detector.losses(predictions, targets, seed)


def _trace(step, spec):
    try:
        tf.function(step, autograph=False).get_concrete_function(spec)
    except (TypeError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise UserError(f"a first step fails: {reason}") from error


@contextlib.contextmanager
def _placed(field):
    """A block whose UserErrors are about one field, where they know of none."""
    try:
        yield
    except ConfigError:
        raise
    except UserError as error:
        raise ConfigError(str(error), field) from error
