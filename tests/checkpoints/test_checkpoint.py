import resource
import tempfile

import numpy as np
import pytest
import tensorflow as tf

from od_api.checkpoints.checkpoint import Checkpoints, latest, restore_model
from od_api.core.errors import UserError


def make(directory, *, head=(3, 2), slots=("momentum",), ema=True, **options):
    """Checkpoints of a small model, and its groups of variables, all zero."""
    shapes = {"backbone/conv1/kernel": (3, 3), "head/box/kernel": head}
    groups = {
        "model": {n: tf.Variable(tf.zeros(s)) for n, s in shapes.items()},
        "optimizer": {
            f"{n}/{slot}": tf.Variable(tf.zeros(s))
            for n, s in shapes.items()
            for slot in slots
        },
        "ema": {n: tf.Variable(tf.zeros(s)) for n, s in shapes.items() if ema},
    }
    step = tf.Variable(0, dtype=tf.int64)
    return Checkpoints(directory, step=step, **groups, **options), groups, step


def fill(groups, step, number):
    """Every tensor its own value, made from the step."""
    step.assign(number)
    for i, variables in enumerate(groups.values()):
        for j, variable in enumerate(variables.values()):
            variable.assign(tf.fill(variable.shape, 100.0 * number + 10 * i + j))


def values_of(groups):
    return {f"{g}/{n}": v.numpy() for g, vs in groups.items() for n, v in vs.items()}


def test_resume_is_exact(tmp_path):
    checkpoints, groups, step = make(tmp_path)
    fill(groups, step, 7)
    assert checkpoints.save() == str(tmp_path / "ckpt-7")
    resumed, restored, restored_step = make(tmp_path)
    assert resumed.restore_full() == 7
    assert restored_step.numpy() == 7
    expected = values_of(groups)
    for name, value in values_of(restored).items():
        np.testing.assert_array_equal(value, expected[name])


def test_a_rehearsal_leaves_nothing(tmp_path, monkeypatch):
    """Neither in the run's folder nor elsewhere, and the weights stay."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    checkpoints, groups, step = make(tmp_path / "run")
    fill(groups, step, 3)
    before = values_of(groups)
    checkpoints.rehearse()
    assert list(temporary.iterdir()) == []
    assert not (tmp_path / "run").exists()
    assert int(step) == 3
    for name, value in values_of(groups).items():
        np.testing.assert_array_equal(value, before[name])


def test_nothing_to_resume_from(tmp_path):
    checkpoints, groups, _ = make(tmp_path / "new")
    assert checkpoints.restore_full() is None
    assert all(np.all(value == 0) for value in values_of(groups).values())


def test_newest_ones_are_kept(tmp_path):
    checkpoints, groups, step = make(tmp_path, max_to_keep=2)
    for number in (5, 9, 10, 100):
        fill(groups, step, number)
        checkpoints.save()
    assert sorted(p.name for p in tmp_path.glob("*.index")) == [
        "ckpt-10.index",
        "ckpt-100.index",
    ]
    state = tf.train.get_checkpoint_state(str(tmp_path))
    assert state.model_checkpoint_path == str(tmp_path / "ckpt-100")
    assert len(state.all_model_checkpoint_paths) == 2


def test_0_keeps_all(tmp_path):
    checkpoints, groups, step = make(tmp_path, max_to_keep=0)
    for number in range(9):
        fill(groups, step, number)
        checkpoints.save()
    assert len(list(tmp_path.glob("*.index"))) == 9


def test_what_was_just_saved_is_never_pruned(tmp_path):
    """Restarted from an older step by hand, the run saves below the newest number."""
    checkpoints, groups, step = make(tmp_path, max_to_keep=1)
    for number in (8, 3):
        fill(groups, step, number)
        checkpoints.save()
    assert latest(tmp_path) == str(tmp_path / "ckpt-3")


def test_same_step_twice_is_written_once(tmp_path):
    checkpoints, groups, step = make(tmp_path)
    fill(groups, step, 4)
    prefix = checkpoints.save()
    resumed, _, _ = make(tmp_path)
    resumed.restore_full()
    written = (tmp_path / "ckpt-4.index").stat().st_mtime_ns
    assert checkpoints.save() == resumed.save() == prefix
    assert (tmp_path / "ckpt-4.index").stat().st_mtime_ns == written
    (tmp_path / "ckpt-4.index").unlink()
    checkpoints.save()
    assert latest(tmp_path) == prefix


def test_another_run_replaces_a_checkpoint_of_the_same_step(tmp_path):
    for value in (1.0, 2.0):
        checkpoints, groups, step = make(tmp_path)
        fill(groups, step, 4)
        groups["model"]["head/box/kernel"].assign(tf.fill([3, 2], value))
        checkpoints.save()
    resumed, restored, _ = make(tmp_path)
    resumed.restore_full()
    assert np.all(restored["model"]["head/box/kernel"].numpy() == 2)


def test_other_shape_names_tensor_shapes_and_cure(tmp_path):
    checkpoints, groups, step = make(tmp_path)
    fill(groups, step, 1)
    checkpoints.save()
    other, restored, other_step = make(tmp_path, head=(3, 5))
    with pytest.raises(UserError) as caught:
        other.restore_full()
    message = str(caught.value)
    assert "3 of 6 tensors differ" in message
    assert "model/head/box/kernel is [3, 2] in the checkpoint, [3, 5] in the model" in (
        message
    )
    assert "set fine_tune_checkpoint" in message
    assert all(np.all(value == 0) for value in values_of(restored).values())
    assert other_step.numpy() == 0


def test_other_optimizer_is_no_exact_resume(tmp_path):
    checkpoints, groups, step = make(tmp_path)
    fill(groups, step, 1)
    checkpoints.save()
    other, _, _ = make(tmp_path, slots=("m", "v"))
    missing = r"optimizer/backbone/conv1/kernel/m \[3, 3\] is not in the checkpoint"
    with pytest.raises(UserError, match=missing):
        other.restore_full()


def test_model_alone_for_evaluation(tmp_path):
    checkpoints, groups, step = make(tmp_path)
    fill(groups, step, 2)
    prefix = checkpoints.save()
    plain, averaged = (
        {n: tf.Variable(tf.zeros(v.shape)) for n, v in groups["model"].items()}
        for _ in range(2)
    )
    assert restore_model(prefix, plain) == 2
    assert restore_model(tmp_path, averaged, moving_averages=True) == 2
    for name in plain:
        np.testing.assert_array_equal(plain[name], groups["model"][name])
        np.testing.assert_array_equal(averaged[name], groups["ema"][name])


def test_averages_that_were_never_kept(tmp_path):
    checkpoints, groups, _ = make(tmp_path, ema=False)
    prefix = checkpoints.save()
    with pytest.raises(UserError, match="use_moving_average: false"):
        restore_model(prefix, groups["model"], moving_averages=True)


def test_full_disk_is_one_clear_error(tmp_path):
    """A limit on file sizes stands in for the full disk: a write fails half way."""
    checkpoints, groups, step = make(tmp_path)
    fill(groups, step, 1)
    checkpoints.save()
    groups["model"]["head/box/kernel"].assign(tf.ones([3, 2]))
    large = {"backbone/large": tf.Variable(tf.zeros([100_000]))}
    full = Checkpoints(tmp_path, step=tf.Variable(2, dtype=tf.int64), model=large)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        match = r"cannot save .*ckpt-2.*Free disk space"
        with pytest.raises(UserError, match=match) as caught:
            full.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(caught.value)
    assert latest(tmp_path) == str(tmp_path / "ckpt-1")
    assert not list(tmp_path.glob("*ckpt-2*")) and not list(tmp_path.glob(".ckpt*"))


def test_no_space_left_while_the_index_is_written(tmp_path, monkeypatch):
    checkpoints, groups, step = make(tmp_path)
    fill(groups, step, 1)
    checkpoints.save()
    step.assign(2)

    def no_space(*args, **kwargs):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tf.io.gfile, "rename", no_space)
    with pytest.raises(UserError, match=r"No space left on device\. Free"):
        checkpoints.save()
    monkeypatch.undo()
    assert latest(tmp_path) == str(tmp_path / "ckpt-1")
    assert checkpoints.save() == latest(tmp_path)


def test_forbidden_folder(tmp_path):
    (tmp_path / "file").write_text("in the way")
    checkpoints, _, _ = make(tmp_path / "file" / "model_dir")
    with pytest.raises(UserError, match="cannot save checkpoint"):
        checkpoints.save()
