"""Starting a run: what is checked and built before the first step."""

import contextlib
import os
import pathlib
from typing import NamedTuple

import tensorflow as tf
from absl import logging

from od_api.checkpoints import checkpoint_files
from od_api.config.compatibility import check_compatibility, refuse_uncompilable
from od_api.config.loading import write_config
from od_api.config.memory_bound import refuse_too_large
from od_api.config.schedule_length import schedule_notes
from od_api.core.errors import ConfigError
from od_api.data import inputs
from od_api.data.schemes import read_by_schemes
from od_api.metrics.summaries import Summaries
from od_api.training.asynchronous import AsynchronousSteps
from od_api.training.cluster import Cluster
from od_api.training.loop import Rhythm, Run
from od_api.training.run_lock import run_lock
from od_api.training.run_record import RunRecord
from od_api.training.state import TrainingState
from od_api.training.synchronous import SynchronousSteps
from od_api.training.validation import Validation, ValidationElsewhere


class Options(NamedTuple):
    """What the caller of `train` says beside the config; see there.

    Attributes:
      strategy: a tf.distribute.Strategy.
      cluster: Cluster, or None.
      num_steps: instead of the config's, or None.
      evaluate_on_the_way: evaluate between steps.
      record_summaries: write TensorBoard event files.
    """

    strategy: tf.distribute.Strategy
    cluster: Cluster | None = None
    num_steps: int | None = None
    evaluate_on_the_way: bool = True
    record_summaries: bool = True

    @property
    def is_chief(self):
        """Whether this process saves, logs and evaluates."""
        return self.cluster is None or self.cluster.is_chief

    @property
    def is_asynchronous(self):
        """Whether workers train at their own pace."""
        return self.cluster is not None and self.cluster.has_parameter_servers


@contextlib.contextmanager
def prepared(config, model_dir, options):
    """A run that is ready for `take_steps`, in a model_dir that no other writes to.

    Args:
      config: TrainEvalPipelineConfig.
      model_dir: of the run.
      options: Options.

    Yields:
      Run; with its `result` where nothing is left to do.

    Raises:
      UserError: bad config, data or checkpoint, or another training in model_dir.
    """
    checkpoint_files.refuse_wildcards(os.fspath(model_dir))
    check_compatibility(config)
    num_replicas = options.strategy.num_replicas_in_sync
    refuse_uncompilable(config, num_replicas)
    refuse_too_large(config, num_replicas, read=read_by_schemes(config.train_config))
    rhythm = Rhythm.of(config, last_step_of(config, options.num_steps))
    if options.is_chief:
        for note in schedule_notes(config.train_config, rhythm.last_step):
            logging.warning("%s", note)
    source = inputs.TrainingInput(config)
    if options.is_asynchronous:
        source.schemes.refuse_out_of_step()
    source.check()
    with run_lock(model_dir) if options.is_chief else contextlib.nullcontext():
        yield _start(config, pathlib.Path(model_dir), options, rhythm, source)


def _start(config, model_dir, options, rhythm, source):
    """The Run, once what it resumes is restored."""
    is_chief = options.is_chief
    _refuse_changes(config, model_dir, source, is_chief)
    state = TrainingState(config, model_dir, options.strategy)
    if is_chief:
        state.tidy()
    evaluation = _evaluation(config, model_dir, options, state)
    run = Run(config.train_config, rhythm, state, evaluation, is_chief)
    result = _result_of_before(run)
    if result:
        return run._replace(result=result)
    if is_chief:
        write_config(config, model_dir / "pipeline.config")
    enabled = options.record_summaries and is_chief
    summaries = Summaries(str(model_dir / "train"), enabled=enabled)
    batches = source.training_dataset(state.detector, state.step)
    if is_chief:
        _draw_first_batches(source, batches, state, model_dir, summaries)
    if options.is_asynchronous:
        steps = _asynchronous_steps(run, source, options)
    else:
        steps = _synchronous_steps(run, source, options, batches)
    return run._replace(steps=steps, summaries=summaries)


def last_step_of(config, num_steps=None):
    """The step that training ends at; ConfigError where nobody says it."""
    last_step = num_steps if num_steps is not None else config.train_config.num_steps
    if last_step < 1:
        raise ConfigError(
            "is not set: say how many steps to train, here or as --num-steps "
            "(num_train_steps of model_main.py)",
            "train_config.num_steps",
        )
    return last_step


def _refuse_changes(config, model_dir, source, is_chief):
    """Compares with what the run began with; a run that begins is recorded."""
    num_classes = inputs.num_classes_of(config)
    record = RunRecord(model_dir, config, source.label_map, num_classes)
    resumes = bool(checkpoint_files.numbered(model_dir))
    if resumes:
        record.check()
    if is_chief and not (resumes and record.exists):
        record.write()


def _evaluation(config, model_dir, options, state):
    if options.is_asynchronous:
        return ValidationElsewhere(config, state, model_dir)
    if options.evaluate_on_the_way:
        return Validation(config, state, model_dir, options.is_chief)
    return None


def _result_of_before(run):
    """The TrainingResult of a run that is over already; None where it goes on.

    An evaluation that a kill cut short, and the copy of the best checkpoint, are done
    first: the run is then as if nothing had happened.
    """
    step, last_step, metrics = run.state.step, run.rhythm.last_step, {}
    if run.evaluation and step:
        metrics = run.evaluation.catch_up(run.rhythm.evaluates(step))
    if step >= last_step:
        logging.warning(
            "nothing to do: %s is already at step %d and num_steps is %d; raise "
            "num_steps or choose another model_dir",
            run.state.latest_checkpoint(),
            step,
            last_step,
        )
        return run.ended(step, "nothing to do", metrics)
    if run.evaluation and run.evaluation.should_stop():
        logging.warning("to go on, raise early_stopping.patience or remove it")
        return run.ended(step, "stopped early", metrics)
    return None


def _draw_first_batches(source, batches, state, model_dir, summaries):
    """What training will see, as pictures."""
    path = model_dir / "train" / "first_batches.jpg"
    shown = source.guarded(source.shown(batches, state.step, state.schemes))
    pictures = inputs.draw_batches(shown, source.label_map, path)
    for i, picture in enumerate(pictures[:3]):
        summaries.image(f"train_input_images_{i}", picture[None], state.step)


def _synchronous_steps(run, source, options, batches):
    """SynchronousSteps over `batches`, which several devices share."""
    state = run.state
    if options.strategy.num_replicas_in_sync > 1:
        batches = _shared(source, state, options.strategy, run.settings.batch_size)
    guarded = source.guarded(batches)
    return SynchronousSteps(state.take_step, guarded, state.step, batches.element_spec)


def _shared(source, state, strategy, batch_size):
    """The training batches from the current step on, over the strategy's devices."""
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise ConfigError(
            f"is {batch_size}, which {replicas} devices cannot share evenly: "
            f"set a multiple of {replicas}",
            "train_config.batch_size",
        )

    def make(context):
        share = (context.input_pipeline_id, context.num_input_pipelines)
        dataset = source.training_dataset(state.detector, state.step, share)
        return dataset.rebatch(source.schemes.records // replicas, drop_remainder=True)

    return strategy.distribute_datasets_from_function(make)


def _asynchronous_steps(run, source, options):
    """AsynchronousSteps, each worker with batches of its own."""
    run.state.rehearse()
    Summaries.rehearse()
    step = run.state.step

    def make(index, count):
        return source.worker_dataset(run.state.detector, index, count, step)

    return AsynchronousSteps(
        run.state,
        options.strategy,
        make,
        options.cluster,
        run.settings,
        run.rhythm.last_step,
        source.explained,
    )
