import gc
import resource

import numpy as np
import pytest
import tensorflow as tf

from od_api.core.errors import UserError
from od_api.metrics.summaries import Summaries


def events_of(directory):
    """[(step, value)] of the only event file, the version event left out."""
    (file,) = directory.iterdir()
    found = []
    for record in tf.data.TFRecordDataset(str(file)):
        event = tf.compat.v1.Event.FromString(record.numpy())
        found += [(event.step, value) for value in event.summary.value]
    return found


def test_scalars_as_tensorboard_reads_them(tmp_path):
    with Summaries(tmp_path) as summaries:
        summaries.scalar("learning_rate", 0.25, 3)
        summaries.scalars({"Loss/a": tf.constant(2.0), "Loss/b": np.float64(3)}, 4)
    got = [
        (step, value.tag, float(tf.make_ndarray(value.tensor)))
        for step, value in events_of(tmp_path)
    ]
    assert got == [(3, "learning_rate", 0.25), (4, "Loss/a", 2.0), (4, "Loss/b", 3.0)]
    for _, value in events_of(tmp_path):
        assert value.metadata.plugin_data.plugin_name == "scalars"
        assert value.metadata.data_class == 1  # DATA_CLASS_SCALAR
        assert value.tensor.dtype == tf.float32.as_datatype_enum


def test_images_come_back_as_they_were(tmp_path):
    """The tensor is width, height, then one PNG an image."""
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 3), dtype=np.uint8)
    with Summaries(tmp_path) as summaries:
        summaries.image("train_input_images", images, 7)
    ((step, value),) = events_of(tmp_path)
    assert (step, value.tag) == (7, "train_input_images")
    assert value.metadata.plugin_data.plugin_name == "images"
    assert value.metadata.data_class == 3  # DATA_CLASS_BLOB_SEQUENCE
    width, height, *pictures = tf.make_ndarray(value.tensor)
    assert (width, height) == (b"6", b"4")
    decoded = [tf.io.decode_png(picture).numpy() for picture in pictures]
    np.testing.assert_array_equal(decoded, images)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros([1, 4, 4, 3], np.float32),
        np.zeros([4, 4, 3], np.uint8),
        np.zeros([1, 4, 4, 1], np.uint8),
    ],
)
def test_other_images_are_refused(tmp_path, images):
    with (
        Summaries(tmp_path) as summaries,
        pytest.raises(ValueError, match=r"image summary x: .* must be uint8"),
    ):
        summaries.image("x", images, 0)


def test_flush_makes_events_readable_at_once(tmp_path):
    summaries = Summaries(tmp_path / "deep" / "train")
    summaries.scalar("a", 1.0, 0)
    summaries.flush()
    assert len(events_of(tmp_path / "deep" / "train")) == 1
    summaries.close()


def test_numpy_and_tensor_steps(tmp_path):
    with Summaries(tmp_path) as summaries:
        summaries.scalar("a", 1.0, np.int64(2))
        summaries.scalar("a", 1.0, tf.Variable(5, dtype=tf.int64))
    assert [step for step, _ in events_of(tmp_path)] == [2, 5]


def test_disabled_writes_nothing(tmp_path):
    with Summaries(tmp_path, enabled=False) as summaries:
        summaries.scalar("a", 1.0, 0)
        summaries.image("b", np.zeros([1, 2, 2, 3], np.uint8), 0)
        summaries.flush()
    assert list(tmp_path.iterdir()) == []


def test_full_disk_is_one_clear_error(tmp_path):
    """A limit on file sizes stands in for the full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, hard))
    try:
        with (
            pytest.raises(UserError, match=r"cannot write event files.*Free") as error,
            Summaries(str(tmp_path)) as summaries,
        ):
            for step in range(2000):
                summaries.scalar("loss", 1.0, step)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "\n" not in str(error.value)
    del summaries, error
    gc.collect()
    for enabled in (False, True):
        with Summaries(str(tmp_path / "next"), enabled) as summaries:
            summaries.scalar("loss", 1.0, 0)
    assert [step for step, _ in events_of(tmp_path / "next")] == [0]


def test_what_went_wrong_before_is_not_hidden_by_closing(tmp_path, monkeypatch):
    summaries = Summaries(str(tmp_path))

    def full():
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(summaries._writer, "close", full)
    with pytest.raises(KeyboardInterrupt), summaries:
        raise KeyboardInterrupt
    with pytest.raises(UserError, match="No space left"), summaries:
        pass
