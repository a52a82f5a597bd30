"""Evaluation beside training: every checkpoint of a run, as it appears.

The newest one comes first; those that were written during its evaluation, or while an
evaluator that was killed was away, follow if they are still there.
"""

import os
import time

from absl import logging

from od_api.checkpoints import checkpoint_files
from od_api.checkpoints.checkpoint_queue import CheckpointQueue
from od_api.checkpoints.restored_detector import detector_for_inference
from od_api.config.compatibility import check_compatibility
from od_api.core.errors import UserError
from od_api.evaluation.evaluation import Evaluation
from od_api.training.history import History, check_best_metric, with_best_metric

_POLL_SECONDS = 10


def follow(
    config,
    checkpoint_dir,
    *,
    output_dir=None,
    timeout=3600,
    keep_best=False,
    tiles=None,
):
    """Evaluates every checkpoint that appears, until training is over.

    Args:
      config: TrainEvalPipelineConfig.
      checkpoint_dir: the model_dir of a training run, which may not exist yet.
      output_dir: where `eval/` goes; checkpoint_dir by default.
      timeout: seconds without a new checkpoint after which to stop; 0 evaluates what
        is there.
      keep_best: copy the best checkpoint to `best/` and keep the history by which
        training stops early, for a trainer that does not evaluate.
      tiles: as of `evaluate`.

    Returns:
      The metrics of the newest checkpoint.

    Raises:
      UserError: no checkpoint appeared at all.
    """
    checkpoint_files.refuse_wildcards(os.fspath(checkpoint_dir))
    check_compatibility(config)
    detector, restore = detector_for_inference(config)
    evaluation = Evaluation(config, detector, output_dir or checkpoint_dir, tiles)
    if keep_best:
        config = with_best_metric(config, evaluation.metric_names)
        check_best_metric(config.eval_config, evaluation.metric_names)
    done = _evaluated(config, checkpoint_dir, keep_best)
    queue = CheckpointQueue(checkpoint_dir, done)
    logging.info("waiting for checkpoints in %s", checkpoint_dir)
    results = {}
    for step, path in _until_over(queue, results, config, timeout):
        if not _restored(path, restore, queue):
            continue
        results[step] = evaluation.run(step)
        if keep_best and _keep_best(config, checkpoint_dir, results, step):
            logging.info("training stops early: done")
            break
    if not results:
        raise UserError(
            f"no checkpoint appeared in {checkpoint_dir} within {timeout} s"
        )
    return results[max(results)]


def _restored(path, restore, queue):
    """Whether it could be restored: training may have dropped it meanwhile."""
    try:
        restore(path)
    except UserError:
        if queue.still_has(path):
            raise
        return False
    return True


def _until_over(queue, results, config, timeout):
    """Yields (step, prefix) as they come, until the last step has its results."""
    last_step, since = config.train_config.num_steps, time.monotonic()
    while True:
        found = queue.next()
        if found:
            yield found
            since = time.monotonic()
        elif 0 < last_step <= max(results, default=0):
            logging.info("step %d is the last one: done", max(results))
            return
        elif time.monotonic() - since >= timeout:
            logging.info("no new checkpoint for %d s: done", timeout)
            return
        else:
            time.sleep(min(_POLL_SECONDS, max(timeout / 10, 0.1)))


def _evaluated(config, checkpoint_dir, keep_best):
    """The steps that need no evaluation, of the checkpoints that are there now.

    The newest is always evaluated: the history may be that of a run before.
    """
    steps = list(checkpoint_files.numbered(checkpoint_dir))
    if not (steps and keep_best):
        return steps[:-1]
    history = History(checkpoint_dir, config.eval_config, steps[-1], writes=False)
    return history.steps - {steps[-1]}


def _keep_best(config, checkpoint_dir, results, step):
    """Records the evaluation of a step, and keeps the best checkpoint in `best/`.

    Returns:
      Whether training is to stop early.
    """
    history = History(checkpoint_dir, config.eval_config, max(results))
    history.add(step, results[step])
    history.keep_best()
    return history.should_stop()
