"""How several workers divide the training data: rows of a batch, or whole streams."""

import itertools
import types

import numpy as np
import pytest
import tensorflow as tf
from test_pipeline import SMALL, batches, example, fading, numbers, reader_of, write
from tiny import config_for, make_data

from od_api.core.errors import ConfigError
from od_api.data.inputs import TrainingInput


@pytest.fixture(scope="module")
def thirteen(tmp_path_factory):
    """Pattern of 13 records 0..12 in 4 files."""
    prefix = tmp_path_factory.mktemp("thirteen") / "x"
    write(prefix, map(example, range(13)), 4)
    return f"{prefix}-?????-of-00004"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """TrainingInput of 8 scenes in one file with a flip and a crop, batch_size 4."""
    folder = tmp_path_factory.mktemp("scenes")
    config = config_for(folder, make_data(folder))
    augment = config.train_config.data_augmentation_options
    augment.add().random_horizontal_flip.SetInParent()
    augment.add().ssd_random_crop.SetInParent()
    return TrainingInput(config)


DETECTOR = types.SimpleNamespace(resizer=SMALL, num_classes=5)


def assert_same_rows(parts, whole):
    for name, value in whole.items():
        union = np.concatenate([part[name] for part in parts])
        np.testing.assert_array_equal(union, value, err_msg=name)


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("start", [0, 5])
def test_shares_make_up_the_batches_of_one_worker(thirteen, count, start):
    """Augmented, over epochs of 13 in batches of 4, from the start and resumed."""
    settings = {"augmentations": [fading], "batch_size": 4}
    whole = list(batches(reader_of(thirteen), **settings).take(start + 6))[start:]
    shares = [
        batches(
            reader_of(thirteen), share=(i, count), start_step=start, **settings
        ).take(6)
        for i in range(count)
    ]
    for batch, *parts in zip(whole, *shares, strict=True):
        assert all(len(part["image"]) == 4 // count for part in parts)
        assert_same_rows(parts, batch)


def test_shares_of_a_configs_training_data(source):
    whole = source.training_dataset(DETECTOR, 3).take(2)
    shares = [source.training_dataset(DETECTOR, 3, (i, 2)).take(2) for i in range(2)]
    for batch, *parts in zip(whole, *shares, strict=True):
        assert_same_rows(parts, batch)


def test_workers_in_step_take_the_same_number_of_steps(thirteen):
    """13 records are 3 batches of 4; the last record is nobody's."""
    reader = reader_of(thirteen, num_epochs=1, drop_remainder=False)
    parts = [numbers(batches(reader, batch_size=4, share=(i, 2))) for i in range(2)]
    assert [len(part) for part in parts] == [6, 6]
    assert len({*parts[0], *parts[1]}) == 12


def test_a_batch_that_workers_cannot_share_equally(thirteen):
    with pytest.raises(ConfigError, match="is 5, which 2 workers") as caught:
        batches(reader_of(thirteen), batch_size=5, share=(0, 2))
    assert caught.value.field_path == "train_config.batch_size"


def made_for_all(make, count):
    """The data sets of `count` workers, of one trace with a tensor for an index."""
    traces = []

    @tf.function(input_signature=[tf.TensorSpec([], tf.int64)], autograph=False)
    def of_worker(index):
        traces.append(index)
        return make(index)

    found = [of_worker(tf.constant(i, tf.int64)) for i in range(count)]
    assert len(traces) == 1
    return found


@pytest.mark.parametrize("files", [1, 2, 3])
def test_asynchronous_workers_share_an_epoch(tmp_path, files):
    """Two workers read disjoint records, together all 13: by files, or of one file."""
    paths = write(tmp_path / "x", map(example, range(13)), files)
    reader = reader_of(*paths, num_epochs=1, drop_remainder=False)
    found = made_for_all(
        lambda i: batches(reader, shard=(i, 2), augmentations=[fading]), 2
    )
    parts = [numbers(data) for data in found]
    assert all(parts) and sorted(itertools.chain(*parts)) == list(range(13))
    # An index that is known beforehand gives the same.
    for i, part in enumerate(parts):
        assert numbers(batches(reader, shard=(i, 2))) == part


def test_an_asynchronous_worker_without_records(tmp_path):
    paths = [*write(tmp_path / "x", [example(0)]), *write(tmp_path / "empty", [])]
    with pytest.raises(ConfigError, match=r"no record .* for worker 1 of 2"):
        batches(reader_of(*paths), shard=(tf.constant(0), 2))


def test_every_worker_and_every_start_has_a_seed_of_its_own(source):
    """8 scenes of one file, 4 a worker: endless, and augmented in other ways."""
    first, second = made_for_all(lambda i: source.worker_dataset(DETECTOR, i, 2, 0), 2)
    resumed = source.worker_dataset(DETECTOR, 0, 2, 40)
    again = source.worker_dataset(DETECTOR, 0, 2, 0)
    runs = [list(data.take(6)) for data in (first, second, resumed, again)]
    ids = [[tuple(b["source_id"].numpy()) for b in run] for run in runs]
    pixels = [np.stack([b["image"] for b in run]) for run in runs]
    assert ids[0] == ids[3] and (pixels[0] == pixels[3]).all()
    assert ids[0] != ids[2] and not set(itertools.chain(*ids[0])) & set(
        itertools.chain(*ids[1])
    )
    assert len(set(itertools.chain(*ids[0]))) == 4
    assert not (pixels[0] == pixels[2]).all()


def with_python(sample, seed):
    image = tf.numpy_function(lambda x: x, [sample["image"]], tf.float32)
    return {**sample, "image": tf.ensure_shape(image, [None, None, 3])}


def with_a_table():
    values = tf.lookup.KeyValueTensorInitializer(["cat"], [1])
    table = tf.lookup.StaticHashTable(values, 0)
    return lambda sample, seed: {**sample, "is_cat": table.lookup(tf.constant("cat"))}


@pytest.mark.parametrize(
    ("augment", "reason"),
    [
        (lambda: with_python, "Python code"),
        (with_a_table, "a table or variable .LookupTableFindV2"),
    ],
)
def test_augmentations_that_other_processes_cannot_run(thirteen, augment, reason):
    steps = [fading, augment()]
    numbers(batches(reader_of(thirteen), augmentations=steps), 1)
    with pytest.raises(ConfigError, match=reason) as caught:
        batches(reader_of(thirteen), augmentations=steps, portable=True)
    assert caught.value.field_path == "train_config.data_augmentation_options"
