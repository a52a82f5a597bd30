"""Training: config and TFRecords in, checkpoints, reports and TensorBoard logs out."""

import os
from typing import Any

import tensorflow as tf
from google.protobuf.message import Message

from od_api.follow import follow
from od_api.training.loop import TrainingResult as TrainingResult
from od_api.training.loop import take_steps
from od_api.training.roles import own_cluster, trainer
from od_api.training.start import Options, prepared
from od_api.training.strategies import serve


def train(
    config: Message,
    model_dir: str | os.PathLike[str],
    *,
    num_steps: int | None = None,
    strategy: Any = None,
    cluster: Any = None,
    evaluate_on_the_way: bool = True,
    record_summaries: bool = True,
) -> TrainingResult:
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
    options = Options(
        strategy=strategy or tf.distribute.get_strategy(),
        cluster=cluster,
        num_steps=num_steps,
        evaluate_on_the_way=evaluate_on_the_way,
        record_summaries=record_summaries,
    )
    with prepared(config, model_dir, options) as run:
        return take_steps(run)


def train_as_task(
    config,
    model_dir,
    *,
    eval_timeout=3600,
    evaluate_on_the_way=True,
    record_summaries=True,
    **devices,
):
    """Does what TF_CONFIG says: trains, serves, or evaluates beside the training.

    Args:
      config: TrainEvalPipelineConfig, the same one for all tasks.
      model_dir: as `train`; tasks that train or evaluate share it.
      eval_timeout: seconds for which an evaluator waits for a checkpoint.
      evaluate_on_the_way, record_summaries: as `train`.
      devices: use_tpu, tpu_name, tpu_zone, gcp_project and num_workers, as
        `strategy_for`.

    Returns:
      TrainingResult, or an evaluator's last metrics.

    Raises:
      UserError: bad input, or a cluster that cannot be reached.
    """
    cluster = own_cluster()
    if cluster and cluster.is_evaluator:
        return follow(config, model_dir, timeout=eval_timeout, keep_best=True)
    if cluster and cluster.is_server:
        return serve(cluster)
    with trainer(config.train_config, cluster, **devices) as (strategy, cluster):
        options = Options(
            strategy,
            cluster,
            evaluate_on_the_way=evaluate_on_the_way,
            record_summaries=record_summaries,
        )
        with prepared(config, model_dir, options) as run:
            return take_steps(run)
