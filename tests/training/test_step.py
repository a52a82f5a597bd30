"""What a training step tells the parts."""

import count_updates
import pytest
import tensorflow as tf

from od_api.protos import train_pb2
from od_api.training.step import TrainingStep


class Detector(count_updates.Detector):
    """Remembers the ground truth that it was given."""

    def losses(self, predictions, targets, seed):
        self.longest = targets.longest
        return super().losses(predictions, targets, seed)

    def static(self):
        return self


@pytest.mark.parametrize("jit_compile", [False, True])
def test_the_longest_image_is_known_where_shapes_may_vary(jit_compile):
    detector = Detector()
    take_step = TrainingStep(
        detector=detector,
        optimizer=count_updates.optimizer_for("momentum", detector.weight),
        step=tf.Variable(0, dtype=tf.int64, trainable=False),
        trainable={"weight": detector.weight},
        strategy=tf.distribute.get_strategy(),
        settings=train_pb2.TrainConfig(
            add_regularization_loss=False, jit_compile=jit_compile
        ),
    )
    take_step(next(iter(count_updates.batches(0, 1))))
    assert (detector.longest is None) == jit_compile
