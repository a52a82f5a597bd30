"""What a process of a cluster does: it trains, serves, or evaluates beside training."""

import contextlib
import dataclasses

from absl import logging

from od_api.training.ports import require_free_port
from od_api.training.server_watch import ServerWatch
from od_api.training.strategies import strategy_for
from od_api.training.tf_config import read_cluster


def own_cluster():
    """The Cluster that TF_CONFIG names, or None; says which task this process is.

    Raises:
      UserError: TF_CONFIG is wrong, or somebody listens at this task's port already.
    """
    cluster = read_cluster()
    if cluster:
        logging.info("this is %s %d", cluster.task_type, cluster.task_index)
    if cluster and not cluster.is_evaluator:
        name = f"{cluster.task_type} {cluster.task_index}"
        require_free_port(cluster.own_address, name)
    return cluster


@contextlib.contextmanager
def trainer(settings, cluster, **devices):
    """The role of a process that takes steps, alone or with others that it watches.

    Args:
      settings: TrainConfig.
      cluster: Cluster, or None.
      devices: as `strategy_for` takes them.

    Yields:
      (strategy, cluster with its `watch`, or None).

    Raises:
      UserError: devices or machines are not there, or do not go together.
    """
    with contextlib.ExitStack() as stack:
        if cluster:
            seconds = settings.worker_silence_seconds
            watch = stack.enter_context(ServerWatch(cluster.others(), seconds))
            cluster = dataclasses.replace(cluster, watch=watch)
        yield strategy_for(settings, cluster=cluster, **devices), cluster
