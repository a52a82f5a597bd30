"""From what a user writes to a checkpoint, or to what is wrong with it."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.checkpoints import checkpoint_files, checkpoint_paths
from od_api.checkpoints.checkpoint import Checkpoints, restore_model
from od_api.core.errors import UserError

NAME = "backbone/kernel"


def save(directory, number, value=0.0):
    model = {NAME: tf.Variable(tf.fill([2], value))}
    step = tf.Variable(number, dtype=tf.int64)
    return Checkpoints(directory, step=step, model=model).save()


@pytest.fixture
def saved(tmp_path):
    """A directory with ckpt-1 and ckpt-2, and nothing beside it."""
    for number in (1, 2):
        save(tmp_path / "run", number)
    return tmp_path / "run"


@pytest.mark.parametrize("suffix", ["", ".index", ".data-00000-of-00001"])
def test_path_may_name_any_file(saved, suffix):
    path = f"{saved}/ckpt-1{suffix}"
    assert checkpoint_paths.resolve(path) == str(saved / "ckpt-1")


def test_directory_means_its_newest(saved):
    assert checkpoint_paths.resolve(str(saved)) == str(saved / "ckpt-2")


@pytest.mark.parametrize("wrong", ["ckpt-22", "ckpt-2.ckpt", "absent/deeper/ckpt-2"])
def test_wrong_path_names_the_nearest(saved, wrong):
    with pytest.raises(UserError, match=r"there is no checkpoint.*/ckpt-2$"):
        checkpoint_paths.resolve(f"{saved}/{wrong}")


def test_wrong_directory_looks_into_its_neighbours(saved):
    """`<model_dir>x` stands beside `<model_dir>`, which holds checkpoints."""
    with pytest.raises(UserError, match=f"nearest one is {saved}/ckpt-"):
        checkpoint_paths.resolve(f"{saved}x")


def test_nothing_near(tmp_path):
    (tmp_path / "deep").mkdir()
    with pytest.raises(UserError, match="deep holds none either: mend the path"):
        checkpoint_paths.resolve(tmp_path / "deep" / "model.ckpt")


def test_other_file_is_no_checkpoint(tmp_path):
    (tmp_path / "model.ckpt").write_text("x")
    with pytest.raises(UserError, match="no checkpoint that od_api can read"):
        checkpoint_paths.resolve(tmp_path / "model.ckpt")


@pytest.mark.parametrize("path", [".", "", "a\0b"])
def test_folder_without_any_says_what_to_name(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        checkpoint_paths.resolve(path)
    message = str(caught.value)
    assert ". . " not in message and "none either" not in message
    expected = (
        "the folder . holds no checkpoint" if path == "." else "can have the path"
    )
    assert expected in message


def test_half_a_checkpoint_is_called_so(saved):
    (saved / "ckpt-2.index").unlink()
    with pytest.raises(UserError, match=r"no ckpt-2\.index beside its data"):
        checkpoint_paths.resolve(saved / "ckpt-2")


def test_folder_of_damaged_ones_names_them(saved):
    for file in saved.glob("*.data-*"):
        file.write_bytes(b"")
    with pytest.raises(UserError, match=r"damaged \(ckpt-1, ckpt-2\)"):
        checkpoint_paths.load(saved)


@pytest.mark.parametrize("step", ["ten", [1, 2], -1, 1.5])
def test_step_that_is_no_number_of_steps(tmp_path, step):
    prefix = str(tmp_path / "ckpt-1")
    checkpoint_files.write_whole({"model": {NAME: [1.0]}}, step, prefix)
    with pytest.raises(UserError, match=r"its step is .* not a number of steps"):
        checkpoint_paths.load(prefix)


@pytest.mark.parametrize("value", [["a", "b"], [True, False], [1, 2]])
def test_weights_that_are_no_floats(tmp_path, value):
    prefix = str(tmp_path / "ckpt-1")
    checkpoint_files.write_whole({"model": {NAME: value}}, np.int64(1), prefix)
    with pytest.raises(UserError, match=r"backbone/kernel is of type .* in the check"):
        restore_model(prefix, {NAME: tf.Variable([0.0, 0.0])})


def test_what_is_not_finite_is_not_read(tmp_path):
    prefix = str(tmp_path / "ckpt-7")
    groups = {"model": {NAME: [1.0]}, "optimizer": {"slot": [np.nan, 1.0]}}
    checkpoint_files.write_whole(groups, np.int64(7), prefix)
    with pytest.raises(UserError, match="1 tensors that are not finite"):
        checkpoint_paths.load(tmp_path)


def test_what_training_replaces_meanwhile_is_read_again(saved, monkeypatch):
    """ckpt-2 goes away between being found and being read; ckpt-3 is there by then."""
    read = checkpoint_files.read

    def late(prefix):
        if prefix.endswith("ckpt-2"):
            checkpoint_files.remove(prefix)
            save(saved, 3, 3.0)
        return read(prefix)

    monkeypatch.setattr(checkpoint_files, "read", late)
    found = checkpoint_paths.load(saved)
    assert (found.prefix, found.step) == (str(saved / "ckpt-3"), 3)
    assert checkpoint_paths.load(found) is found


def test_what_was_replaced_under_its_own_name_is_read_again(saved, monkeypatch):
    """An older reader fails half way; what stands there then is whole."""
    read, calls = checkpoint_files.read, []

    def fails_once(prefix):
        calls.append(prefix)
        if len(calls) == 1:
            save(saved, 2, 5.0)
            raise UserError("cut short")
        return read(prefix)

    monkeypatch.setattr(checkpoint_files, "read", fails_once)
    np.testing.assert_array_equal(
        checkpoint_paths.load(saved / "ckpt-2").groups["model"][NAME], [5.0, 5.0]
    )
