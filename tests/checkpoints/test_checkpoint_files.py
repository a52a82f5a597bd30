"""Whole or not at all, whatever happens to the files or to the process."""

import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from od_api.checkpoints import checkpoint_files, checkpoint_paths
from od_api.checkpoints.checkpoint import Checkpoints, latest
from od_api.core.errors import UserError

NAMES = ["backbone/conv.1/kernel", "head/..S/bias"]


@pytest.fixture
def saved(tmp_path):
    """A directory with ckpt-1 and ckpt-2, each filled with its step."""
    step = tf.Variable(0, dtype=tf.int64)
    model = {name: tf.Variable(tf.zeros([100])) for name in NAMES}
    checkpoints = Checkpoints(tmp_path, step=step, model=model)
    for number in (1, 2):
        step.assign(number)
        for variable in model.values():
            variable.assign(tf.fill([100], float(number)))
        checkpoints.save()
    return tmp_path


def test_names_survive_the_escaping(saved):
    groups, step = checkpoint_files.read(str(saved / "ckpt-2"))
    assert step == 2
    assert set(groups["model"]) == set(NAMES)
    for value in groups["model"].values():
        np.testing.assert_array_equal(value, np.full(100, 2.0))


def test_tensorflow_finds_the_same_newest_one(saved):
    assert tf.train.latest_checkpoint(str(saved)) == latest(saved)


def test_steps_are_ordered_as_numbers(tmp_path):
    for number in (9, 10, 100):
        (tmp_path / f"ckpt-{number}.index").touch()
    (tmp_path / "ckpt-11.data-00000-of-00001").touch()
    (tmp_path / "ckpt-x.index").touch()
    assert list(checkpoint_files.numbered(tmp_path)) == [9, 10, 100]


def cut(path, share):
    with open(path, "r+b") as file:
        file.truncate(int(path.stat().st_size * share))


def flip_a_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("part", ["index", "data-00000-of-00001"])
@pytest.mark.parametrize("harm", ["cut", "emptied", "removed", "bit"])
def test_damaged_checkpoint_is_passed_over(saved, part, harm):
    assert latest(saved) == str(saved / "ckpt-2")
    file = saved / f"ckpt-2.{part}"
    if harm == "removed":
        file.unlink()
    elif harm == "bit":
        flip_a_bit(file)
    else:
        cut(file, 0.9 if harm == "cut" else 0)
    assert latest(saved) == str(saved / "ckpt-1")
    assert checkpoint_paths.resolve(saved) == str(saved / "ckpt-1")


def test_all_damaged_is_an_error_and_no_fresh_start(saved):
    for file in saved.glob("*.data-*"):
        cut(file, 0.5)
    with pytest.raises(UserError, match=r"ckpt-1, ckpt-2.*delete them"):
        latest(saved)


def test_empty_or_absent_directory_has_no_checkpoint(tmp_path):
    assert latest(tmp_path) is None
    assert latest(tmp_path / "absent") is None


def test_killed_at_any_moment_of_a_save(tmp_path):
    """kill -9 before each file operation of a save, and twice at a random moment.

    The newest checkpoint is then whole, holds one step only, and is not older than the
    last save that had finished; a new save clears what was left behind.
    """
    program = pathlib.Path(__file__).parent / "checkpoint_killer.py"
    runs = 8  # a save renames and removes 6 times
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, str(program), str(tmp_path), str(runs)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    for k in range(1, runs + 1):
        groups, step = checkpoint_files.read(latest(tmp_path / str(k)))
        assert step >= (2 if k <= runs - 2 else 3)
        for value in groups["model"].values():
            np.testing.assert_array_equal(value, np.full(500_000, float(step)))
        save_once_more(tmp_path / str(k), step + 1)


def save_once_more(directory, number):
    step = tf.Variable(number, dtype=tf.int64)
    checkpoints = Checkpoints(
        directory, step=step, model={"backbone/a": tf.Variable(0.0)}, max_to_keep=1
    )
    checkpoints.save()
    files = sorted(path.name for path in directory.iterdir())
    name = f"ckpt-{number}"
    assert files == ["checkpoint", f"{name}.data-00000-of-00001", f"{name}.index"]


def test_overwriting_a_checkpoint_never_mixes_the_two(saved, monkeypatch):
    """Stopped between data and index, the older one of that name is gone, not mixed."""
    step = tf.Variable(2, dtype=tf.int64)
    model = {name: tf.Variable(tf.fill([100], 7.0)) for name in NAMES}
    rename = tf.io.gfile.rename

    def stop_at_the_index(source, target, overwrite=False):
        if target.endswith(".index"):
            raise KeyboardInterrupt
        rename(source, target, overwrite)

    monkeypatch.setattr(tf.io.gfile, "rename", stop_at_the_index)
    with pytest.raises(KeyboardInterrupt):
        Checkpoints(saved, step=step, model=model).save()
    assert latest(saved) == str(saved / "ckpt-1")


def test_damaged_file_named_by_the_user(saved):
    cut(saved / "ckpt-1.data-00000-of-00001", 0.5)
    with pytest.raises(UserError, match="ckpt-1 is damaged"):
        checkpoint_files.read(checkpoint_paths.resolve(saved / "ckpt-1"))


def old_tf2_checkpoint(directory):
    kernel = tf.train.Checkpoint(kernel=tf.Variable([1.0]))
    extractor = tf.train.Checkpoint(classification_backbone=kernel)
    model = tf.train.Checkpoint(_feature_extractor=extractor)
    step = tf.Variable(5, dtype=tf.int64)
    return tf.train.Checkpoint(step=step, model=model).save(str(directory / "ckpt"))


def old_tf1_checkpoint(directory):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        name = "FeatureExtractor/MobilenetV1/Conv2d_0/weights"
        variable = tf.compat.v1.get_variable(name, initializer=[1.0])
        session.run(variable.initializer)
        saver = tf.compat.v1.train.Saver()
        return saver.save(session, str(directory / "model.ckpt"))


def foreign_checkpoint(directory):
    checkpoint = tf.train.Checkpoint(net=tf.Variable([1.0]))
    return checkpoint.save(str(directory / "ckpt"))


@pytest.mark.parametrize(
    ("make", "maker"),
    [
        (old_tf2_checkpoint, "old Object Detection API on TensorFlow 2.*backbone"),
        (old_tf1_checkpoint, r"TensorFlow 1 .*FeatureExtractor/MobilenetV1"),
        (foreign_checkpoint, r"another program.*\.h5"),
    ],
)
def test_checkpoints_of_others_are_refused(tmp_path, make, maker):
    prefix = checkpoint_paths.resolve(make(tmp_path))
    with pytest.raises(UserError, match=maker):
        checkpoint_files.read(prefix)


@pytest.mark.parametrize("name", ["a[1]", "a*", "a?", "a\\b"])
def test_path_that_could_not_be_read_back_is_refused(tmp_path, name):
    step = tf.Variable(0, dtype=tf.int64)
    with pytest.raises(UserError, match="choose a path without"):
        Checkpoints(tmp_path / name, step=step, model={})


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_no_folder_at_all_is_refused(path):
    with pytest.raises(UserError, match="is no folder for checkpoints"):
        checkpoint_files.refuse_wildcards(path)


def test_spaces_and_dots_in_the_path(saved, tmp_path):
    odd = tmp_path / "a b.index (1)"
    shutil.copytree(saved, odd, ignore=shutil.ignore_patterns("a *"))
    assert latest(odd) == str(odd / "ckpt-2")
