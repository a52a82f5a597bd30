"""Where updates run: compiled, and on the copies of a mirrored variable."""

import os
import subprocess
import sys
import tempfile

import numpy as np
import pytest
import tensorflow as tf
from optimizer_kit import concurrent_and_sequential, random_problem

from od_api.checkpoints.checkpoint import Checkpoints
from od_api.core.registry import build
from od_api.optim.constant_learning_rate import ConstantLearningRate
from od_api.optim.gradients import reduce_gradients
from od_api.optim.slots import SlotOptimizer
from od_api.protos import optimizer_pb2

MEMBERS = [
    "momentum_optimizer",
    "rms_prop_optimizer",
    "adam_optimizer",
    "adamw_optimizer",
]


def make(member):
    message = optimizer_pb2.Optimizer()
    rate = getattr(message, member).learning_rate.cosine_decay_learning_rate
    rate.learning_rate_base, rate.warmup_learning_rate = 0.1, 0.01
    rate.warmup_steps, rate.total_steps = 3, 100
    return build(message)


def train(member, strategy, in_replica, jit_compile=False):
    """Ten steps; replica r's gradient is r + 1 shares of the whole.

    The order of things is the training loop's: slots made in the strategy's scope, the
    update inside `strategy.run` (or after it), the averages, the step.
    """
    start, gradients = random_problem(5, 10)
    with strategy.scope():
        variable = tf.Variable(start, dtype=tf.float32)
        step = tf.Variable(
            0,
            dtype=tf.int64,
            trainable=False,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )
        optimizer = make(member)
        optimizer.create_slots({"w": variable})
    replicas = strategy.num_replicas_in_sync
    shares = replicas * (replicas + 1) / 2

    def in_replica_step(gradient):
        index = tf.distribute.get_replica_context().replica_id_in_sync_group
        share = (tf.cast(index, tf.float32) + 1.0) / shares
        summed = reduce_gradients({"w": gradient * share})
        if in_replica:
            optimizer.apply(summed, step)
            step.assign_add(1)
        return summed["w"]

    @tf.function(jit_compile=jit_compile)
    def train_step(gradient):
        summed = strategy.run(in_replica_step, args=(gradient,))
        if not in_replica:
            with strategy.scope():
                optimizer.apply({"w": summed}, step)
                step.assign_add(1)

    for gradient in gradients:
        train_step(tf.constant(gradient, tf.float32))
    copies = strategy.experimental_local_results(variable)
    averages = strategy.experimental_local_results(optimizer.ema.slot_variables()["w"])
    assert step.numpy() == 10
    return [v.numpy() for v in copies], [v.numpy() for v in averages]


class ReadThenAssign(SlotOptimizer):
    """The rule this package must not use: what it reads may be old when it writes."""

    def _update(self, variable, gradient, rates, slots):
        value = variable.read_value() - rates["learning_rate"] * gradient
        variable.assign(value)


def test_the_check_for_lost_updates_finds_them():
    rate = ConstantLearningRate(learning_rate=0.01)
    together, alone = concurrent_and_sequential(lambda: ReadThenAssign(rate, {}))
    assert np.mean(together - alone) > 0.005


@pytest.mark.parametrize("member", MEMBERS)
def test_compiled_step_equals_the_plain_one(member):
    strategy = tf.distribute.get_strategy()
    plain = train(member, strategy, True)
    compiled = train(member, strategy, True, jit_compile=True)
    np.testing.assert_allclose(plain, compiled, rtol=1e-5, atol=1e-6)


def test_two_mirrored_replicas_equal_one_device():
    """In a process of its own: two CPU devices must be asked for before any op runs."""
    command = [sys.executable, __file__]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        *(f"{member} agrees" for member in MEMBERS),
        "both copies resume",
    ]


def compare_strategies():
    cpu = tf.config.list_physical_devices("CPU")[0]
    two = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, two)
    for member in MEMBERS:
        expected, average = train(member, tf.distribute.get_strategy(), True)
        for in_replica in (True, False):
            mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
            copies, averages = train(member, mirrored, in_replica)
            assert len(copies) == len(averages) == 2
            for copy in copies:
                np.testing.assert_allclose(copy, expected[0], atol=1e-6)
            for copy in averages:
                np.testing.assert_allclose(copy, average[0], atol=1e-6)
        print(member, "agrees")
    resume_on_every_copy()


def resume_on_every_copy():
    """A checkpoint, and the exchange for the averages, reach both copies."""
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        variable = tf.Variable([1.0, 2.0])
        optimizer = make("momentum_optimizer")
        optimizer.create_slots({"backbone/w": variable})
        step = tf.Variable(7, dtype=tf.int64, trainable=False)
    with tempfile.TemporaryDirectory() as directory:
        checkpoints = Checkpoints(
            directory,
            step=step,
            model={"backbone/w": variable},
            optimizer=optimizer.slot_variables(),
            ema=optimizer.ema.slot_variables(),
        )
        checkpoints.save()
        variable.assign([5.0, 5.0])
        with optimizer.averaged_weights():
            copies = strategy.experimental_local_results(variable)
            assert [c.numpy().tolist() for c in copies] == [[1, 2], [1, 2]]
        copies = strategy.experimental_local_results(variable)
        assert [c.numpy().tolist() for c in copies] == [[5, 5], [5, 5]]
        assert checkpoints.restore_full() == 7
    assert [c.numpy().tolist() for c in copies] == [[1, 2], [1, 2]]
    print("both copies resume")


if __name__ == "__main__":
    compare_strategies()
