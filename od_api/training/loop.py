"""The loop of training: steps, logs, checkpoints and evaluations until the end."""

from typing import Any, NamedTuple

from absl import logging

from od_api.training.progress import Progress
from od_api.training.rate_to_try import naming_a_rate


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


class Rhythm(NamedTuple):
    """When a run saves, evaluates and ends.

    Attributes:
      save_every: steps between two checkpoints.
      evaluate_every: steps between two evaluations.
      last_step: where training ends.
    """

    save_every: int
    evaluate_every: int
    last_step: int

    @classmethod
    def of(cls, config, last_step):
        """That of a TrainEvalPipelineConfig."""
        save_every = max(config.train_config.checkpoint_every_n_steps, 1)
        evaluate_every = config.eval_config.eval_every_n_steps or save_every
        return cls(save_every, evaluate_every, last_step)

    def goal(self, step):
        """The next step after `step` at which training does something else."""
        due = [(step // every + 1) * every for every in self[:2]]
        return min(*due, self.last_step)

    def saves(self, step):
        """Whether a checkpoint of this step is due."""
        return step == self.last_step or step % self.save_every == 0

    def evaluates(self, step):
        """Whether an evaluation at this step is due."""
        return step >= self.last_step or step % self.evaluate_every == 0


class Run(NamedTuple):
    """What the loop works with, as `training/start.py` prepares it.

    Attributes:
      settings: TrainConfig.
      rhythm: Rhythm.
      state: TrainingState.
      evaluation: Validation or ValidationElsewhere; None for none.
      is_chief: whether this process saves and logs.
      steps: SynchronousSteps or AsynchronousSteps.
      summaries: Summaries of the losses.
      result: TrainingResult of a run that is over already, which has no steps.
    """

    settings: Any
    rhythm: Rhythm
    state: Any
    evaluation: Any
    is_chief: bool
    steps: Any = None
    summaries: Any = None
    result: TrainingResult | None = None

    def ended(self, step, reason, metrics):
        """TrainingResult of a run that ends at this step."""
        checkpoint = self.state.latest_checkpoint()
        return TrainingResult(step, reason, checkpoint, metrics)


def take_steps(run):
    """Steps, logs, saves and evaluates until the last step or an early stop.

    Args:
      run: Run.

    Returns:
      TrainingResult.

    Raises:
      UserError: training diverged, or lost its data, its servers or its disk.
    """
    if run.result:
        return run.result
    step, last_step = run.state.step, run.rhythm.last_step
    reason, metrics = "finished", {}
    advised = naming_a_rate(run.settings.optimizer, lambda: _rates(run, step))
    with run.summaries, advised, _progress(run, step) as progress:
        while step < last_step and reason == "finished":
            goal = run.rhythm.goal(step)
            for finished in run.steps.until(goal):
                step = finished.step
                _log(run, finished, progress)
            if step < goal:
                reason = "reached the end of its data"
            last = step == last_step or step < goal
            if run.is_chief and (last or run.rhythm.saves(step)):
                with progress.pause("writing a checkpoint"):
                    run.state.save()
            if run.evaluation and (last or run.rhythm.evaluates(step)):
                with progress.pause("evaluating"):
                    metrics = run.evaluation.run(step)
                progress.measured(run.evaluation.headline, metrics)
                if not last and run.evaluation.should_stop():
                    reason = "stopped early"
                    if run.is_chief:
                        run.state.save()
    logging.info("training %s at step %d", reason, step)
    return run.ended(step, reason, metrics)


def _rates(run, step):
    """The learning rates of the steps so far, some of them if they are many.

    That of the step after `step`, which failed, is among them.
    """
    steps = [*range(0, step, max(step // 100, 1)), step]
    return [run.state.learning_rate(some) for some in steps]


def _progress(run, step):
    return Progress(
        first_step=step,
        last_step=run.rhythm.last_step,
        batch_size=run.settings.batch_size,
        log_every=run.settings.log_every_n_steps,
        stall_seconds=run.settings.stall_warning_seconds,
    )


def _log(run, finished, progress):
    """Tells of a step; where a line is due TensorBoard and the report, too."""
    step, losses = finished.step, finished.losses
    rate = run.state.learning_rate(step - 1)
    speed = progress.step_done(step, losses, rate)
    if speed is None:
        return
    report = run.steps.report()
    if report:
        logging.info("%s", "  ".join(f"{k} {value:.3g}" for k, value in report.items()))
    run.summaries.scalars({f"Loss/{name}": v for name, v in losses.items()}, step)
    run.summaries.scalar("learning_rate", rate, step)
    run.summaries.scalar("steps_per_sec", speed / run.settings.batch_size, step)
    run.summaries.scalars(report, step)
