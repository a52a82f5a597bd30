"""The index of chips: which records stand for what, and which index does not fit."""

import json

import numpy as np
import pytest
from test_pipeline import batches, example, numbers, reader_of, write

from od_api.core.errors import ConfigError
from od_api.data import records
from od_api.data.chip_index import ChipIndex, check_chips, read_index, write_index
from od_api.data.chips import ChipCutter
from od_api.data.order import Part
from od_api.data.pipeline import make_dataset
from od_api.data.preparation import Recipe
from od_api.protos import input_reader_pb2
from od_api.resizers.identity_resizer import IdentityResizer

# Of five records in two files: three chips, none, one; one, two.
COUNTS = [[3, 0, 1], [1, 2]]


def chips_of(counts=COUNTS):
    """Chips whose left is their number among those of the record."""
    return [[[[0, 0, i, 8, 4] for i in range(n)] for n in file] for file in counts]


@pytest.fixture
def files(tmp_path):
    """Two TFRecords of three and two images of 8 x 16."""
    one = write(tmp_path / "a", [example(i) for i in range(3)])
    return [*one, *write(tmp_path / "b", [example(i) for i in (3, 4)])]


def message_of(tmp_path, **scale):
    scale = {"min_dimension": 8, "max_dimension": 16, "chip_size": 4} | scale
    return input_reader_pb2.Chips(index_path=str(tmp_path / "x.chips"), scales=[scale])


@pytest.fixture
def written(files, tmp_path):
    """(message, lines of the file)."""
    message = message_of(tmp_path)
    chips = [[np.array(one).reshape(-1, 5) for one in file] for file in chips_of()]
    write_index(message.index_path, message, files, chips, seed=7)
    return message, (tmp_path / "x.chips").read_text().splitlines()


def stream_of(reader, message, files, batch_size=2, **part):
    recipe = Recipe(IdentityResizer(), 2, chips=ChipCutter(message))
    index = read_index(message, files)
    part = Part(**{"seed": 7} | part)
    return make_dataset(
        reader, recipe, batch_size=batch_size, training=True, part=part, index=index
    )


def test_the_file_is_readable(written, files):
    _, lines = written
    head = json.loads(lines[0])
    assert (head["format"], head["version"], head["seed"]) == ("od_api chips", 1, 7)
    assert [file["records"] for file in head["files"]] == [3, 2]
    assert head["scales"][0]["chip_size"] == 4
    assert lines[1:3] == ["[[0, 0, 0, 8, 4], [0, 0, 1, 8, 4], [0, 0, 2, 8, 4]]", "[]"]
    assert len(lines) == 6


def test_a_position_is_a_record_and_a_chip(written, files):
    message, _ = written
    reader = reader_of(*files, shuffle=False, num_epochs=2, drop_remainder=False)
    found = list(stream_of(reader, message, files, batch_size=1))
    ids = [0, 0, 0, 2, 3, 4, 4]
    assert [int(b["source_id"].numpy()[0]) for b in found] == ids * 2
    assert all(b["image"].shape == (1, 8, 4, 3) for b in found)
    index = read_index(message, files)
    assert [index.count(part) for part in (files, files[:1], files[1:])] == [7, 4, 3]


@pytest.mark.parametrize("start", [0, 3, 9])
def test_shuffled_and_resumed_anywhere(written, files, start):
    """Every epoch has all seven; what follows is the same from wherever one starts."""
    message, _ = written
    reader = reader_of(*files)
    whole = numbers(stream_of(reader, message, files, batch_size=1), 21)
    for epoch in range(3):
        own = sorted(whole[7 * epoch : 7 * epoch + 7])
        assert own == [0, 0, 0, 2, 3, 4, 4]
    resumed = stream_of(reader, message, files, batch_size=1, start_step=start)
    assert numbers(resumed, 21 - start) == whole[start:]


def test_workers_share_the_chips(written, files):
    """In step: rows of the same batches. Apart: each file is one worker's own."""
    message, _ = written
    reader = reader_of(*files)
    whole = numbers(stream_of(reader, message, files, batch_size=2), 6)
    shares = [
        numbers(stream_of(reader, message, files, share=(i, 2)), 6) for i in range(2)
    ]
    assert [n for pair in zip(*shares, strict=True) for n in pair] == whole
    apart = [
        set(numbers(stream_of(reader, message, files, shard=(i, 2)), 6))
        for i in range(2)
    ]
    assert apart == [{0, 2}, {3, 4}]


def damage(lines, number, text):
    return "\n".join([*lines[:number], *text, *lines[number + 1 :]]) + "\n"


@pytest.mark.parametrize(
    ("number", "text", "complaint"),
    [
        (0, ["{}"], r"x\.chips:1: is no index"),
        (0, ["[1]"], r"x\.chips:1: is no index"),
        (0, [], r"x\.chips:1: is no index"),
        (2, ["[[0, 0, 0, 8]]"], r"x\.chips:3: is no list of \[scale, top"),
        (2, ["[[1, 0, 0, 8, 4]]"], r"x\.chips:3: is no list"),
        (2, ["[[0, 0, 0, 0, 4]]"], r"x\.chips:3: is no list"),
        (2, ["[[0, 0, -1, 8, 4]]"], r"x\.chips:3: is no list"),
        (2, ["[[0, 0, 0.5, 8, 4]]"], r"x\.chips:3: is no list"),
        (2, ["[[0, 0, 99999999999, 8, 4]]"], r"x\.chips:3: is no list"),
        (2, ["{"], r"x\.chips:3: is no list"),
        (2, [], "chips of 4 records, and its files have 5"),
        (2, ["[]", "[]"], "chips of 6 records, and its files have 5"),
    ],
)
def test_a_damaged_index_is_refused(written, files, number, text, complaint):
    message, lines = written
    with open(message.index_path, "w", encoding="utf-8") as file:
        file.write(damage(lines, number, text))
    with pytest.raises(ConfigError, match=complaint) as caught:
        read_index(message, files)
    assert caught.value.field_path == "index_path"


def test_another_version_is_refused(written, files):
    message, lines = written
    head = json.loads(lines[0]) | {"version": 2}
    with open(message.index_path, "w", encoding="utf-8") as file:
        file.write(damage(lines, 0, [json.dumps(head)]))
    with pytest.raises(ConfigError, match=r"chips:1: is of version 2, and .* reads 1"):
        read_index(message, files)


def test_an_index_of_other_records_is_refused(written, files, tmp_path):
    message, _ = written
    with pytest.raises(ConfigError, match=r"is of a-0.*, and the reader has b-0"):
        read_index(message, files[::-1])
    with pytest.raises(ConfigError, match=r"\(2 files\), and the reader has a-0"):
        read_index(message, files[:1])
    write(tmp_path / "a", [example(i) for i in range(4)])
    with pytest.raises(ConfigError, match=r"has 3 records of .*, which has 4"):
        read_index(message, files)
    write(tmp_path / "a", [example(i) for i in (0, 1, 5)])
    with pytest.raises(ConfigError, match="made of other records than those") as error:
        read_index(message, files)
    assert error.value.field_path == "index_path"


def test_other_scales_and_no_file_are_refused(written, files, tmp_path):
    message = message_of(tmp_path, high=5)
    with pytest.raises(ConfigError, match=r"not those that .* was made with") as caught:
        read_index(message, files)
    assert caught.value.field_path == "scales"
    message.index_path = str(tmp_path / "y.chips")
    with pytest.raises(ConfigError, match=r"y\.chips.*x\.chips") as caught:
        read_index(message, files)
    assert caught.value.field_path == "index_path"
    message.index_path = ""
    with pytest.raises(ConfigError, match="od-api data chips writes"):
        read_index(message, files)


def test_a_worker_without_any_chip_is_refused(files, tmp_path):
    index = ChipIndex(files, [[np.zeros([0, 5])] * 3, [np.zeros([0, 5])] * 2])
    recipe = Recipe(IdentityResizer(), 2, chips=ChipCutter(message_of(tmp_path)))
    with pytest.raises(ConfigError, match="no chip of a record in") as caught:
        make_dataset(
            reader_of(*files), recipe, batch_size=1, training=True, index=index
        )
    assert caught.value.field_path == "chips"


@pytest.mark.parametrize(
    ("scale", "settings", "place", "complaint"),
    [
        ({}, {"training": False}, "", "evaluation sees whole ones"),
        ({}, {"static_shapes": True}, "", "compiles one"),
        ({"min_dimension": 17}, {}, "scales[0].min_dimension", "larger than max_dim"),
        ({"low": 5, "high": 4}, {}, "scales[0].low", "larger than high"),
    ],
)
def test_chips_that_cannot_be(tmp_path, scale, settings, place, complaint):
    with pytest.raises(ConfigError, match=complaint) as caught:
        check_chips(message_of(tmp_path, **scale), **{"training": True} | settings)
    assert caught.value.field_path == place


def test_chips_without_scales():
    with pytest.raises(ConfigError, match="one scale at least"):
        check_chips(input_reader_pb2.Chips(index_path="x"), training=True)


def test_digests_tell_records_apart(files, tmp_path):
    first = records.digest(files[0])
    assert len(first) == 64 and first != records.digest(files[1])
    (copy,) = write(tmp_path / "c", [example(i) for i in range(3)])
    assert records.digest(copy) == first
    (other,) = write(tmp_path / "d", [example(i) for i in (0, 2, 1)])
    assert records.digest(other) != first


def test_whole_images_know_nothing_of_chips(files):
    assert sorted(numbers(batches(reader_of(*files), batch_size=1), 5)) == list(
        range(5)
    )
