"""Which strategy a process gets, and what asynchronous training refuses."""

import pytest
import tensorflow as tf

from od_api.core.errors import ConfigError, UserError
from od_api.protos import train_pb2
from od_api.training.asynchronous import fetched, workers_begun
from od_api.training.cluster import Cluster
from od_api.training.strategies import strategy_for

_SERVERS = Cluster({"chief": ["a:1"], "worker": ["b:1"], "ps": ["c:1"]}, "chief")


def test_one_device_gets_the_default_strategy():
    assert strategy_for() is tf.distribute.get_strategy()
    alone = Cluster({"worker": ["a:1"]}, "worker")
    assert strategy_for(train_pb2.TrainConfig(), cluster=alone) is strategy_for()


def test_several_workers_need_a_cluster():
    with pytest.raises(UserError, match="TF_CONFIG names no cluster"):
        strategy_for(num_workers=2)


def test_a_trainer_in_step_does_not_wait_for_the_first_one_without_end():
    """Port 1 of this machine has no server."""
    jobs = {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}
    settings = train_pb2.TrainConfig(cluster_start_seconds=0.1)
    with pytest.raises(UserError, match=r"cannot reach worker 0 \(127\.0\.0\.1:1\)"):
        strategy_for(settings, cluster=Cluster(jobs, "worker", 1))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sync_replicas", True),
        ("precision", train_pb2.MIXED_FLOAT16),
        ("jit_compile", True),
    ],
)
def test_what_asynchronous_training_cannot_do_is_refused(field, value):
    settings = train_pb2.TrainConfig(**{field: value})
    with pytest.raises(ConfigError) as error:
        strategy_for(settings, cluster=_SERVERS)
    assert error.value.field_path == f"train_config.{field}"


def test_workers_begin_one_after_another():
    """A delay of 15 steps: one until step 15, two until 30, then all three."""
    begun = [workers_begun(step, 15, 3) for step in (0, 14, 15, 29, 30, 1000)]
    assert begun == [1, 1, 2, 2, 3, 3]
    assert workers_begun(0, 0, 3) == 3


class _Remote:
    """A RemoteValue of a step: raises the errors one after another, then is there."""

    def __init__(self, *errors):
        self._errors = list(errors)

    def fetch(self):
        if self._errors:
            raise self._errors.pop(0)
        return {"worker": 1}


_WORKER = "remote target /job:worker/replica:0/task:1 while calling RecvTensor"
_STALE = f"Unable to find the relevant tensor remote_handle, {_WORKER}"


def test_a_step_whose_worker_dies_before_it_is_fetched_is_waited_for():
    """The coordinator gives it to another worker meanwhile."""
    lost = tf.errors.UnavailableError(None, None, f"reset by peer, {_WORKER}")
    stale = tf.errors.InvalidArgumentError(None, None, _STALE)
    assert fetched(_Remote(lost, stale, lost), pause=0) == {"worker": 1}


@pytest.mark.parametrize(
    "error",
    [
        tf.errors.UnavailableError(None, None, "/job:ps/replica:0/task:1, " + _WORKER),
        tf.errors.InvalidArgumentError(None, None, "a bad record, " + _WORKER),
        tf.errors.CancelledError(None, None, _WORKER),
    ],
)
def test_a_step_that_failed_is_not_waited_for(error):
    with pytest.raises(type(error)):
        fetched(_Remote(error), pause=0)
