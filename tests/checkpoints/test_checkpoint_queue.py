"""Each checkpoint once, the newest first."""

import pathlib

import pytest
import tensorflow as tf

from od_api.checkpoints.checkpoint import Checkpoints
from od_api.checkpoints.checkpoint_queue import CheckpointQueue


@pytest.fixture
def save(tmp_path):
    step = tf.Variable(0, dtype=tf.int64)
    checkpoints = Checkpoints(
        tmp_path, step=step, model={"a": tf.Variable(0.0)}, max_to_keep=3
    )

    def save(number):
        step.assign(number)
        checkpoints.save()

    return save


def steps(queue):
    found = []
    while (item := queue.next()) is not None:
        assert pathlib.Path(item[1]).name == f"ckpt-{item[0]}"
        found.append(item[0])
    return found


def test_newest_first_and_each_once(tmp_path, save):
    queue = CheckpointQueue(tmp_path / "absent")
    assert queue.next() is None
    queue = CheckpointQueue(tmp_path)
    save(2)
    assert steps(queue) == [2]
    save(4)
    save(10)
    assert steps(queue) == [10, 4]
    save(12)
    assert steps(queue) == [12]


def test_what_is_done_and_what_is_damaged_are_left_out(tmp_path, save, caplog):
    for number in (1, 2, 3):
        save(number)
    (tmp_path / "ckpt-2.data-00000-of-00001").write_bytes(b"")
    assert steps(CheckpointQueue(tmp_path, done=[3])) == [1]
    assert "ckpt-2 is damaged" in caplog.text
