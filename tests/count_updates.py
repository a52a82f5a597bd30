"""A cluster whose model counts its updates: python FILE STEPS RESULT_FILE OPTIMIZER...

Every gradient is -1 and every rate 1. The slots of each optimizer then say how many
updates they have seen: a momentum with a factor of 1 counts them, and a running mean of
ones is 1 - decay^n after n of them. `keras` is keras.optimizers.SGD, whose slots
are read, computed and assigned.
"""

import json
import pathlib
import sys
import types

import keras
import tensorflow as tf

from od_api.optim.adam_optimizer import AdamOptimizer
from od_api.optim.constant_learning_rate import ConstantLearningRate
from od_api.optim.momentum_optimizer import MomentumOptimizer
from od_api.optim.optimizer import Optimizer
from od_api.optim.rms_prop_optimizer import RMSPropOptimizer
from od_api.protos import train_pb2
from od_api.training.asynchronous import AsynchronousSteps
from od_api.training.step import TrainingStep
from od_api.training.strategies import serve, strategy_for
from od_api.training.tf_config import read_cluster

# Large enough that reading, computing and writing it takes a while.
_SIZE = 200_000


class Detector:
    """Its loss is minus the sum of its one weight."""

    def __init__(self):
        self.weight = tf.Variable(tf.zeros([_SIZE]), name="weight")
        self.parts = {}

    def call(self, images, true_shapes, training, targets, seed):
        return tf.reduce_sum(self.weight)

    def losses(self, predictions, targets, seed):
        return {"loss": -predictions}


class KerasMomentum:
    """keras.optimizers.SGD behind the interface of our rules."""

    loss_scale = None

    def __init__(self, weight):
        self._sgd = keras.optimizers.SGD(1.0, momentum=1.0)
        self._sgd.build([weight])
        self._weight = weight

    def apply(self, gradients, step):
        self._sgd.apply([gradients["weight"]], [self._weight])

    def slot_variables(self):
        return {"weight/momentum": self._sgd.momentums[0].value}


def optimizer_for(name, weight):
    rate = ConstantLearningRate(learning_rate=1.0)
    if name == "keras":
        return KerasMomentum(weight)
    rule = {
        "momentum": MomentumOptimizer(learning_rate=rate, momentum_optimizer_value=1.0),
        "adam": AdamOptimizer(learning_rate=rate),
        "rms_prop": RMSPropOptimizer(
            learning_rate=rate, momentum_optimizer_value=1.0, epsilon=0.0
        ),
    }[name]
    rule.create_slots({"weight": weight})
    return Optimizer(rule=rule)


def batches(index, count):
    """One empty image without boxes, again and again."""
    batch = {
        "image": tf.zeros([1, 2, 2, 3]),
        "true_shape": tf.constant([[2, 2]]),
        "boxes": tf.zeros([1, 1, 4]),
        "classes": tf.zeros([1, 1], tf.int32),
        "weights": tf.zeros([1, 1]),
        "valid": tf.zeros([1, 1], tf.bool),
        "source_id": tf.constant(["none"]),
    }
    return tf.data.Dataset.from_tensors(batch).repeat()


def count(name, steps, strategy, cluster, settings):
    """Takes the steps; returns what the model's weight and slots say."""
    with strategy.scope():
        detector = Detector()
        if name == "keras":
            variable = keras.Variable(tf.zeros([_SIZE]), name="weight")
            detector.weight = variable.value
            optimizer = KerasMomentum(variable)
        else:
            optimizer = optimizer_for(name, detector.weight)
        step = tf.Variable(0, dtype=tf.int64, trainable=False)
    take_step = TrainingStep(
        detector=detector,
        optimizer=optimizer,
        step=step,
        trainable={"weight": detector.weight},
        strategy=strategy,
        settings=train_pb2.TrainConfig(add_regularization_loss=False),
    )
    state = types.SimpleNamespace(
        step=0,
        step_variable=step,
        take_step=take_step,
        latest_checkpoint=lambda: None,
    )
    runner = AsynchronousSteps(state, strategy, batches, cluster, settings, steps)
    finished = list(runner.until(steps))
    slots = {n.split("/")[1]: v for n, v in optimizer.slot_variables().items()}
    return {
        "step": int(step.numpy()),
        "finished": [f.step for f in finished] == list(range(1, steps + 1)),
        "weight": float(detector.weight.numpy()[0]),
        "slots": {n: float(v.numpy()[0]) for n, v in slots.items()},
        **runner.report(),
    }


def main(steps, result_file, *names):
    cluster = read_cluster()
    if not cluster.is_chief:
        serve(cluster)
    settings = train_pb2.TrainConfig(batch_size=1, startup_delay_steps=0)
    strategy = strategy_for(settings, cluster=cluster)
    results = {n: count(n, int(steps), strategy, cluster, settings) for n in names}
    pathlib.Path(result_file).write_text(json.dumps(results))


if __name__ == "__main__":
    main(*sys.argv[1:])
