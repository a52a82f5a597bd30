"""Which strategy a process gets, and what asynchronous training refuses."""

import pytest
import tensorflow as tf

from od_api.asynchronous import workers_begun
from od_api.core.cluster import Cluster
from od_api.core.errors import ConfigError, UserError
from od_api.protos import train_pb2
from od_api.strategies import strategy_for

_SERVERS = Cluster({"chief": ["a:1"], "worker": ["b:1"], "ps": ["c:1"]}, "chief")


def test_one_device_gets_the_default_strategy():
    assert strategy_for() is tf.distribute.get_strategy()
    alone = Cluster({"worker": ["a:1"]}, "worker")
    assert strategy_for(train_pb2.TrainConfig(), cluster=alone) is strategy_for()


def test_several_workers_need_a_cluster():
    with pytest.raises(UserError, match="TF_CONFIG names no cluster"):
        strategy_for(num_workers=2)


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
