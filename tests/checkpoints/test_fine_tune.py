import numpy as np
import pytest
import tensorflow as tf

from od_api.checkpoints.checkpoint import Checkpoints
from od_api.checkpoints.fine_tune import restore_partial
from od_api.core.errors import UserError

SHAPES = {
    "backbone/conv1/kernel": (3, 3),
    "backbone/conv1_bn/gamma": (3,),
    "neck/P5/kernel": (3, 4),
    "rpn_head/box/kernel": (4,),
    "head/box/kernel": (4, 4),
    "head/class/kernel": (4, 7),
}


def model(value, **shapes):
    """{name: variable} filled with a value; keywords change or drop (None) a part."""
    changed = {**SHAPES, **{k.replace("__", "/"): s for k, s in shapes.items()}}
    return {n: tf.Variable(tf.fill(s, value)) for n, s in changed.items() if s}


@pytest.fixture
def trained(tmp_path):
    """A checkpoint of a model of ones, with slots and averages."""
    variables = model(1.0)
    step = tf.Variable(9, dtype=tf.int64)
    checkpoints = Checkpoints(
        tmp_path, step=step, model=variables, optimizer=model(2.0), ema=model(3.0)
    )
    return checkpoints.save()


def loaded(variables):
    return [n for n, v in variables.items() if np.all(v.numpy() == 1)]


@pytest.mark.parametrize(
    ("kind", "count"), [("classification", 2), ("detection", 3), ("full", 6)]
)
def test_kinds(trained, kind, count):
    """The first 2 names are the backbone, the third the neck, the others heads."""
    variables = model(0.0)
    report = restore_partial(trained, variables, kind)
    names = list(SHAPES)
    assert loaded(variables) == report.restored == names[:count]
    assert report.new == names[count:]
    assert report.unused == sorted(names[count:])
    assert report.mismatched == []


def test_fine_tune_of_the_older_center_net_means_detection(trained):
    assert len(restore_partial(trained, model(0.0), "fine_tune").restored) == 3


def test_other_num_classes_is_fine_for_detection(trained):
    variables = model(0.0, head__class__kernel=(4, 2))
    report = restore_partial(trained, variables, "detection")
    assert loaded(variables) == list(SHAPES)[:3]
    assert "head/class/kernel" in report.new


def test_other_num_classes_with_full_names_shapes_and_cure(trained):
    variables = model(0.0, head__class__kernel=(4, 2))
    with pytest.raises(UserError) as caught:
        restore_partial(trained, variables, "full")
    message = str(caught.value)
    assert "1 of 6 tensors differ" in message
    assert "head/class/kernel is [4, 7] in the checkpoint, [4, 2] in the" in message
    assert "fine_tune_checkpoint_type: detection" in message
    assert loaded(variables) == []


def test_other_neck_is_reported(trained):
    variables = model(0.0, neck__P5__kernel=(3, 8), neck__P6__kernel=(8,))
    report = restore_partial(trained, variables, "detection")
    assert report.mismatched == [("neck/P5/kernel", [3, 4], [3, 8])]
    assert "neck/P6/kernel" in report.new
    assert loaded(variables) == list(SHAPES)[:2]


def test_other_backbone_is_an_error(trained):
    variables = model(0.0, backbone__conv1__kernel=(5, 5))
    with pytest.raises(UserError, match=r"conv1/kernel is \[3, 3\].*\[5, 5\].*depth"):
        restore_partial(trained, variables, "classification")
    assert loaded(variables) == []


def test_no_backbone_tensor_is_an_error(trained):
    variables = {"backbone/stem/kernel": tf.Variable([0.0])}
    with pytest.raises(UserError, match=r"none of the backbone's 1 .*stem.*conv1"):
        restore_partial(trained, variables, "classification")


def test_unknown_kind_names_the_nearest(trained):
    with pytest.raises(UserError, match=r"'detecton' is none.*mean detection"):
        restore_partial(trained, model(0.0), "detecton")


def test_table(trained):
    """The counts of the first line are the sums of the columns."""
    variables = model(0.0, neck__P5__kernel=(3, 8), head__mask__kernel=(2,))
    lines = str(restore_partial(trained, variables, "detection")).splitlines()
    assert lines[0] == "2 restored / 4 new / 3 unused / 1 other shape"
    assert lines[1].split() == ["restored", "new", "unused", "other", "shape"]
    assert [line.split() for line in lines[2:6]] == [
        ["backbone", "2", "0", "0", "0"],
        ["head", "0", "3", "2", "0"],
        ["neck", "0", "0", "0", "1"],
        ["rpn_head", "0", "1", "1", "0"],
    ]
    assert lines[6] == "neck/P5/kernel: [3, 4] in the checkpoint, [3, 8] in the model"


def test_keras_weights_go_to_the_backbone():
    variables, paths = model(0.0), []
    report = restore_partial(
        "/weights/mobilenet.h5", variables, "classification", paths.append
    )
    assert paths == ["/weights/mobilenet.h5"]
    assert report.restored == list(SHAPES)[:2] and report.new == list(SHAPES)[2:]


def test_keras_weights_that_do_not_fit():
    def refuse(path):
        raise ValueError("expected 55 layers")

    with pytest.raises(UserError, match=r"m.h5 cannot be loaded.*expected 55 layers"):
        restore_partial("m.h5", model(0.0), "classification", refuse)


def test_keras_weights_without_a_loader():
    with pytest.raises(UserError, match="name a checkpoint instead"):
        restore_partial("m.h5", model(0.0), "classification")


def test_wrong_path_names_the_nearest_checkpoint(trained):
    with pytest.raises(UserError, match=f"nearest one is {trained}$"):
        restore_partial(f"{trained}9", model(0.0), "classification")
