"""What this process does in a training run: all of it, or one task of a cluster."""

import contextlib
import dataclasses

from absl import logging

from od_api.follow import follow
from od_api.train import train
from od_api.training.ports import require_free_port
from od_api.training.server_watch import ServerWatch
from od_api.training.strategies import serve, strategy_for
from od_api.training.tf_config import read_cluster


def train_as_task(
    config,
    model_dir,
    *,
    use_tpu=False,
    tpu_name=None,
    num_workers=1,
    eval_timeout=3600,
    **settings,
):
    """Does what TF_CONFIG says: trains, serves, or evaluates beside the training.

    Args:
      config: TrainEvalPipelineConfig, the same one for all tasks.
      model_dir: as `train`; tasks that train or evaluate share it.
      use_tpu, tpu_name, num_workers: as `strategy_for`.
      eval_timeout: seconds for which an evaluator waits for a checkpoint.
      settings: passed to `train`.

    Returns:
      TrainingResult, or an evaluator's last metrics.

    Raises:
      UserError: bad input, or a cluster that cannot be reached.
    """
    cluster = read_cluster()
    if cluster:
        logging.info("this is %s %d", cluster.task_type, cluster.task_index)
    if cluster and cluster.task_type == "evaluator":
        return follow(config, model_dir, timeout=eval_timeout, keep_best=True)
    if cluster:
        name = f"{cluster.task_type} {cluster.task_index}"
        require_free_port(cluster.own_address, name)
    serves = cluster and cluster.has_parameter_servers and not cluster.is_chief
    if serves:
        return serve(cluster)
    with contextlib.ExitStack() as stack:
        if cluster:
            seconds = config.train_config.worker_silence_seconds
            watch = stack.enter_context(ServerWatch(cluster.others(), seconds))
            cluster = dataclasses.replace(cluster, watch=watch)
        strategy = strategy_for(
            config.train_config,
            cluster=cluster,
            use_tpu=use_tpu,
            tpu_name=tpu_name,
            num_workers=num_workers,
        )
        return train(config, model_dir, strategy=strategy, cluster=cluster, **settings)
