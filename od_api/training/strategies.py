"""Which devices and machines train together."""

import os
import sys
import threading

import tensorflow as tf
from absl import logging
from tensorflow.python.eager import context

from od_api.core.errors import ConfigError, UserError
from od_api.core.printable import printable
from od_api.data import worker_records
from od_api.protos import train_pb2
from od_api.training.cluster import wait_until_reachable


def strategy_for(
    settings=None,
    *,
    cluster=None,
    use_tpu=False,
    tpu_name=None,
    tpu_zone=None,
    gcp_project=None,
    num_workers=1,
):
    """The distribution strategy of this process.

    Args:
      settings: TrainConfig; needed where there is a cluster.
      cluster: Cluster of TF_CONFIG, if any.
      use_tpu: train on a TPU.
      tpu_name: its name; None finds the local one.
      tpu_zone, gcp_project: where Google Cloud has it; None for this machine's own.
      num_workers: machines that train in step; they are named in TF_CONFIG.

    Returns:
      ParameterServerStrategy where the cluster has parameter servers,
      MultiWorkerMirroredStrategy where it has several trainers, TPUStrategy,
      MirroredStrategy over several GPUs, else the default strategy of one device.

    Raises:
      UserError: what is asked for is not there, or does not go together.
    """
    if use_tpu:
        return _tpu(tpu_name, tpu_zone, gcp_project)
    if cluster and cluster.has_parameter_servers:
        return _parameter_servers(settings, cluster)
    if cluster and cluster.trains_in_step:
        return _in_step(settings, cluster)
    _check_alone(num_workers)
    if len(tf.config.list_logical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def _check_alone(num_workers):
    if num_workers > 1:
        raise UserError(
            f"--num_workers={num_workers}, but TF_CONFIG names no cluster: set it on "
            "every machine (docs/distributed.md), or leave num_workers away"
        )


def serve(cluster):
    """Lends this process to the chief as a worker or parameter server, without end."""
    _fail_fast()
    worker_records.offer()
    # A step on a worker waits for all servers: with fewer threads than that it could
    # wait for itself.
    needed = len(cluster.jobs["worker"]) + 1
    config = tf.compat.v1.ConfigProto()
    if (os.cpu_count() or 1) < needed:
        config.inter_op_parallelism_threads = needed
    try:
        server = tf.distribute.Server(
            tf.train.ClusterSpec(_without_evaluators(cluster)),
            job_name=cluster.task_type,
            task_index=cluster.task_index,
            protocol="grpc",
            config=config,
        )
    except tf.errors.OpError as error:
        reason = (error.message or str(error)).splitlines()[0]
        raise UserError(f"cannot listen at {cluster.own_address}: {reason}") from error
    logging.info("%s %d serves", cluster.task_type, cluster.task_index)
    server.join()


def _tpu(name, zone, project):
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(
            tpu=name or "", zone=zone, project=project
        )
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"cannot use the TPU {name or '(local)'}: {reason}. Leave --use_tpu away "
            "to train on CPU or GPU"
        ) from error
    return tf.distribute.TPUStrategy(resolver)


def _parameter_servers(settings, cluster):
    """Asynchronous training; this process is the chief."""
    _refuse_unfit(settings)
    _fail_fast()
    servers = cluster.addresses("worker", "ps")
    wait_until_reachable(servers, settings.cluster_start_seconds)
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec(_without_evaluators(cluster)),
        task_type="chief",
        task_id=0,
        rpc_layer="grpc",
    )
    # TensorFlow tells all workers of a function that is let go, and holds up all of
    # Python until they have heard it; one that is stopped never would.
    context.context().remove_function = lambda name: None
    return tf.distribute.ParameterServerStrategy(resolver)


def _in_step(settings, cluster):
    """Synchronous training; all trainers do the same."""
    if not cluster.is_chief:
        # TensorFlow asks the first one who takes part, and holds up all of Python until
        # it answers.
        first = list(cluster.addresses("chief", "worker").items())[:1]
        wait_until_reachable(dict(first), settings.cluster_start_seconds)
    # It waits for the others without end and without a word, and cannot be interrupted.
    threading.Thread(
        target=_exit_unless_reachable,
        args=(cluster.others(), settings.cluster_start_seconds),
        daemon=True,
    ).start()
    return tf.distribute.MultiWorkerMirroredStrategy()


def _exit_unless_reachable(addresses, seconds):
    try:
        wait_until_reachable(addresses, seconds)
    except UserError as error:
        message = printable(error, lines=True)
        print(f"error: {message}", file=sys.stderr, flush=True)
        os._exit(2)


def _refuse_unfit(settings):
    """Raises ConfigError for what asynchronous training cannot do."""
    if settings.sync_replicas:
        raise ConfigError(
            "is true, but TF_CONFIG has parameter servers, which train "
            "asynchronously: set it to false, or name chief and workers only",
            "train_config.sync_replicas",
        )
    if settings.precision == train_pb2.MIXED_FLOAT16:
        raise ConfigError(
            "MIXED_FLOAT16 needs one loss scale for all, which asynchronous workers "
            "do not have: use MIXED_BFLOAT16 or FLOAT32",
            "train_config.precision",
        )
    if settings.jit_compile:
        raise ConfigError(
            "XLA cannot compile steps whose variables are on parameter servers: "
            "remove the field",
            "train_config.jit_compile",
        )


def _fail_fast():
    """A call to a task that is gone fails instead of waiting for it."""
    os.environ.setdefault("GRPC_FAIL_FAST", "use_caller")


def _without_evaluators(cluster):
    return {kind: a for kind, a in cluster.jobs.items() if kind != "evaluator"}
