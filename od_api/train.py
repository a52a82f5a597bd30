"""Training: config and TFRecords in, checkpoints, reports and TensorBoard logs out."""

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
from od_api.core.errors import ConfigError
from od_api.data import inputs
from od_api.training.asynchronous import AsynchronousSteps
from od_api.training.progress import Progress
from od_api.training.run_lock import run_lock
from od_api.training.run_record import RunRecord
from od_api.training.state import TrainingState
from od_api.training.summaries import Summaries
from od_api.training.synchronous import SynchronousSteps
from od_api.training.validation import Validation, ValidationElsewhere


class TrainingResult(NamedTuple):
    """How a training run ended.

    Attributes:
      step: the last step taken.
      reason: "finished", "stopped early" or "nothing to do".
      checkpoint: path of the newest checkpoint.
      metrics: of the last evaluation; empty without one.
    """

    step: int
    reason: str
    checkpoint: str
    metrics: dict


def train(
    config,
    model_dir,
    *,
    num_steps=None,
    strategy=None,
    cluster=None,
    evaluate_on_the_way=True,
    record_summaries=True,
):
    """Trains a detector, from the newest checkpoint in `model_dir` if there is one.

    Args:
      config: TrainEvalPipelineConfig.
      model_dir: directory for checkpoints, `best/`, `train/` and `eval/` logs and the
        resolved pipeline.config.
      num_steps: steps instead of train_config.num_steps.
      strategy: a tf.distribute.Strategy; the default one by default.
      cluster: the Cluster whose chief or worker this process is, if any.
      evaluate_on_the_way: evaluate every eval_input_reader as eval_config says. With
        parameter servers an evaluator does that, in a process of its own.
      record_summaries: write TensorBoard event files.

    Returns:
      TrainingResult.

    Raises:
      UserError: bad config, data or checkpoint, another training in model_dir, or
        training that diverged.
    """
    checkpoint_files.refuse_wildcards(os.fspath(model_dir))
    check_compatibility(config)
    strategy = strategy or tf.distribute.get_strategy()
    refuse_uncompilable(config, strategy.num_replicas_in_sync)
    refuse_too_large(config, strategy.num_replicas_in_sync)
    last_step = _last_step(config, num_steps)
    source = inputs.TrainingInput(config)
    source.check()
    is_chief = cluster is None or cluster.is_chief
    with run_lock(model_dir) if is_chief else contextlib.nullcontext():
        return _train(
            config,
            pathlib.Path(model_dir),
            source,
            strategy,
            cluster,
            is_chief,
            last_step,
            evaluate_on_the_way,
            record_summaries and is_chief,
        )


def _train(
    config,
    model_dir,
    source,
    strategy,
    cluster,
    is_chief,
    last_step,
    evaluate_on_the_way,
    record_summaries,
):
    """`train` in a model_dir that no other process writes to."""
    _refuse_changes(config, model_dir, source, is_chief)
    state = TrainingState(config, model_dir, strategy)
    if is_chief:
        state.tidy()
    evaluation = None
    if cluster and cluster.has_parameter_servers:
        evaluation = ValidationElsewhere(config, state, model_dir)
    elif evaluate_on_the_way:
        evaluation = Validation(config, state, model_dir, is_chief)
    ended = _ended_before(config, state, evaluation, last_step)
    if ended:
        return ended
    if is_chief:
        write_config(config, model_dir / "pipeline.config")
    summaries = Summaries(str(model_dir / "train"), enabled=record_summaries)
    batches = source.training_dataset(state.detector, state.step)
    if is_chief:
        _draw_first_batches(source, batches, state, model_dir, summaries)
    if cluster and cluster.has_parameter_servers:
        state.rehearse()
        Summaries.rehearse()
        steps = AsynchronousSteps(
            state,
            strategy,
            _worker_datasets(source, state),
            cluster,
            config.train_config,
            last_step,
            source.explained,
        )
    else:
        if strategy.num_replicas_in_sync > 1:
            batches = _shared(source, state, strategy, config.train_config.batch_size)
        steps = SynchronousSteps(state.take_step, source.guarded(batches), state.step)
    with summaries:
        return _loop(config, state, steps, evaluation, summaries, last_step, is_chief)


def _loop(config, state, steps, evaluation, summaries, last_step, is_chief):
    """Steps, logs, saves and evaluates until the last step or an early stop."""
    settings = config.train_config
    save_every, evaluate_every = _rhythm(config)
    step, reason, metrics = state.step, "finished", {}
    with Progress(
        first_step=step,
        last_step=last_step,
        batch_size=settings.batch_size,
        log_every=settings.log_every_n_steps,
        stall_seconds=settings.stall_warning_seconds,
    ) as progress:
        while step < last_step and reason == "finished":
            goal = min(_next(step, save_every), _next(step, evaluate_every), last_step)
            for finished in steps.until(goal):
                step = finished.step
                rate = state.learning_rate(step - 1)
                speed = progress.step_done(step, finished.losses, rate)
                if speed is not None:
                    report = steps.report()
                    if report:
                        logging.info("%s", _worded(report))
                    speed /= settings.batch_size
                    _summarize(summaries, finished.losses, rate, speed, report, step)
            if step < goal:
                reason = "reached the end of its data"
            last = step == last_step or step < goal
            if is_chief and (last or step % save_every == 0):
                with progress.pause("writing a checkpoint"):
                    state.save()
            if evaluation and (last or step % evaluate_every == 0):
                with progress.pause("evaluating"):
                    metrics = evaluation.run(step)
                if not last and evaluation.should_stop():
                    reason = "stopped early"
                    if is_chief:
                        state.save()
    logging.info("training %s at step %d", reason, step)
    return TrainingResult(step, reason, state.latest_checkpoint(), metrics)


def _next(step, every):
    """The first multiple of `every` after `step`."""
    return (step // every + 1) * every


def _last_step(config, num_steps):
    last_step = num_steps if num_steps is not None else config.train_config.num_steps
    if last_step < 1:
        raise ConfigError(
            "is not set: say how many steps to train, here or as num_train_steps",
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


def _rhythm(config):
    """Steps between two checkpoints, and between two evaluations."""
    save_every = max(config.train_config.checkpoint_every_n_steps, 1)
    return save_every, config.eval_config.eval_every_n_steps or save_every


def _ended_before(config, state, evaluation, last_step):
    """The TrainingResult of a run that is over already; None where it goes on.

    An evaluation that a kill cut short, and the copy of the best checkpoint, are done
    first: the run is then as if nothing had happened.
    """
    step, metrics = state.step, {}
    if evaluation and step:
        due = step >= last_step or step % _rhythm(config)[1] == 0
        metrics = evaluation.catch_up(due)
    if step >= last_step:
        logging.warning(
            "nothing to do: %s is already at step %d and num_steps is %d; raise "
            "num_steps or choose another model_dir",
            state.latest_checkpoint(),
            step,
            last_step,
        )
        reason = "nothing to do"
    elif evaluation and evaluation.should_stop():
        logging.warning("to go on, raise early_stopping.patience or remove it")
        reason = "stopped early"
    else:
        return None
    return TrainingResult(step, reason, state.latest_checkpoint(), metrics)


def _draw_first_batches(source, batches, state, model_dir, summaries):
    """What training will see, as pictures."""
    path = model_dir / "train" / "first_batches.jpg"
    pictures = inputs.draw_batches(source.guarded(batches), source.label_map, path)
    for i, picture in enumerate(pictures[:3]):
        summaries.image(f"train_input_images_{i}", picture[None], state.step)


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
        return dataset.rebatch(batch_size // replicas, drop_remainder=True)

    return strategy.distribute_datasets_from_function(make)


def _worker_datasets(source, state):
    """(worker index, number of workers) -> that worker's batches."""
    step = state.step

    def make(index, count):
        return source.worker_dataset(state.detector, index, count, step)

    return make


def _worded(report):
    return "  ".join(f"{name} {value:.3g}" for name, value in report.items())


def _summarize(summaries, losses, rate, steps_per_second, report, step):
    summaries.scalars({f"Loss/{name}": v for name, v in losses.items()}, step)
    summaries.scalar("learning_rate", rate, step)
    summaries.scalar("steps_per_sec", steps_per_second, step)
    summaries.scalars(report, step)
