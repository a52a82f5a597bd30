"""Folders as they are: batches, order and errors are those of records made of them."""

import json

import numpy as np
import pytest
import tensorflow as tf
import tiny
from data_set_kit import picture

from od_api.cli import main
from od_api.config.loading import load_config
from od_api.core.errors import ConfigError, UserError
from od_api.data import records, worker_records
from od_api.data.converters.coco_json import convert_coco
from od_api.data.converters.voc import convert_pascal_voc
from od_api.data.converters.yolo import convert_yolo
from od_api.data.folders import KINDS
from od_api.data.inputs import EvaluationInput, TrainingInput
from od_api.data.label_map import LabelMap
from od_api.data.order import Part
from od_api.data.reader_files import FOLDERS
from od_api.resizers.fixed_shape_resizer import FixedShapeResizer

CASES = ("coco", "voc", "yolo")


class Sees:
    """What an input asks of a detector."""

    resizer = FixedShapeResizer(height=32, width=32)
    num_classes = 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Seven images, one lying on its side, with labels of all three kinds."""
    root = tmp_path_factory.mktemp("folders")
    (root / "images").mkdir()
    (root / "xml").mkdir()
    (root / "txt").mkdir()
    LabelMap.from_names(["cat", "dog"]).save(root / "label_map.pbtxt")
    (root / "names.txt").write_text("cat\ndog\n")
    coco = {"images": [], "annotations": []}
    coco["categories"] = [{"id": 7, "name": "dog"}, {"id": 9, "name": "cat"}]
    for i in range(7):
        exif = {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06"}
        data = picture(40, 30, seed=i, **(exif if i == 2 else {}))
        (root / "images" / f"{i}.jpg").write_bytes(data)
        coco["images"].append({"id": i + 1, "file_name": f"{i}.jpg"})
        boxes = [(k + i, 2, k + i + 8, 12 + i) for k in range(i % 3)]
        objects = ""
        for k, (x, y, right, low) in enumerate(boxes):
            coco["annotations"].append(
                {
                    "id": 10 * i + k,
                    "image_id": i + 1,
                    "category_id": 7 + 2 * k,
                    "bbox": [x, y, right - x, low - y],
                }
            )
            objects += (
                f"<object><name>{('dog', 'cat')[k]}</name><bndbox><xmin>{x}</xmin>"
                f"<ymin>{y}</ymin><xmax>{right}</xmax><ymax>{low}</ymax></bndbox>"
                "</object>"
            )
        (root / "xml" / f"{i}.xml").write_text(f"<annotation>{objects}</annotation>")
        lines = [f"{1 - k} 0.5 0.5 0.2 0.{k + 3}" for k in range(len(boxes))]
        (root / "txt" / f"{i}.txt").write_text("\n".join(lines))
    (root / "coco.json").write_text(json.dumps(coco))
    return root


def reader_of(case, root):
    return {
        "coco": f'coco_input_reader {{ annotations: "{root}/coco.json" '
        f'images: "{root}/images" }}',
        "voc": f'voc_input_reader {{ annotations: "{root}/xml" '
        f'images: "{root}/images" }}',
        "yolo": f'yolo_input_reader {{ images: "{root}/images" '
        f'labels: "{root}/txt" names: "{root}/names.txt" }}',
    }[case]


def convert(case, root, prefix):
    options = {"label_map_in": root / "label_map.pbtxt", "progress": False}
    if case == "coco":
        convert_coco(root / "coco.json", root / "images", prefix, **options)
    elif case == "voc":
        convert_pascal_voc(root / "xml", root / "images", prefix, **options)
    else:
        names = str(root / "names.txt")
        convert_yolo(root / "images", root / "txt", names, prefix, **options)
    return f'tf_record_input_reader {{ input_path: "{prefix}-*" }}'


def config_of(reader, root, path, more=""):
    both = (
        f'{{ label_map_path: "{root}/label_map.pbtxt" shuffle_buffer_size: 3 '
        f"max_number_of_boxes: 4 {more} {reader} }}"
    )
    text = tiny.CONFIG[: tiny.CONFIG.index("train_input_reader {")]
    text = text.replace("num_steps: 4", "num_steps: 4 seed: 5")
    path.write_text(
        f"{text}train_input_reader {both}\neval_input_reader {both}\n"
        "eval_config { batch_size: 2 }\n"
    )
    return load_config(path)


def taken(dataset, number):
    return list(dataset.take(number).as_numpy_iterator())


def assert_same(batches, others):
    assert len(batches) == len(others) > 0
    for one, other in zip(batches, others, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], other[name], name)


@pytest.mark.parametrize("case", CASES)
def test_batches_are_those_of_the_records(case, folder, tmp_path):
    """Training, shuffled over two epochs; a resume; a share; and evaluation."""
    of_records = convert(case, folder, f"{tmp_path}/x.record")
    inputs = [
        config_of(reader, folder, tmp_path / f"{i}.config")
        for i, reader in enumerate((of_records, reader_of(case, folder)))
    ]
    files, direct = map(TrainingInput, inputs)
    whole = taken(direct.training_dataset(Sees, 0), 5)
    assert_same(whole, taken(files.training_dataset(Sees, 0), 5))
    names = [name for batch in whole for name in batch["source_id"]]
    assert len(set(names[:7])) == 7 and names[:7] != sorted(names[:7])
    assert_same(whole[3:], taken(direct.training_dataset(Sees, 3), 2))
    shared = taken(direct.training_dataset(Sees, 1, share=(1, 2)), 2)
    assert_same(shared, taken(files.training_dataset(Sees, 1, share=(1, 2)), 2))
    evaluated = [EvaluationInput(c, 0).evaluation_dataset(Sees) for c in inputs]
    assert_same(taken(evaluated[0], 9), taken(evaluated[1], 9))


def test_records_are_the_converter_s(folder, tmp_path):
    for case in CASES:
        convert(case, folder, f"{tmp_path}/{case}.record")
        config = config_of(reader_of(case, folder), folder, tmp_path / "c")
        (path,) = TrainingInput(config).paths
        (file,) = records.expand(f"{tmp_path}/{case}.record-*")
        every = list(map(tf.train.Example.FromString, records.read(path)))
        assert every == list(map(tf.train.Example.FromString, records.read(file)))
        assert records.count([path]) == records.count([file]) == len(every) == 7
        (one,) = records.read_at(path, [], [4])
        assert tf.train.Example.FromString(one) == every[4]


def test_sampled_and_sharded_as_records(folder, tmp_path):
    more = "sample_1_of_n_examples: 2"
    of_records = convert("coco", folder, f"{tmp_path}/x.record")
    readers = (of_records, reader_of("coco", folder))
    found = []
    for reader in readers:
        config = config_of(reader, folder, tmp_path / "c", more)
        source = TrainingInput(config)
        found.append(taken(source.training_dataset(Sees, 1), 2))
    assert_same(*found)


@pytest.mark.parametrize("case", CASES)
def test_asynchronous_workers_see_what_they_see_of_records(case, folder, tmp_path):
    """Two workers, whose index is a tensor, as the chief traces it; over two epochs."""
    worker_records.offer()
    of_records = convert(case, folder, f"{tmp_path}/x.record")
    seen = []
    for reader in (of_records, reader_of(case, folder)):
        source = TrainingInput(config_of(reader, folder, tmp_path / "c"))
        for index in (0, 1):
            data = source.worker_dataset(Sees, tf.constant(index, tf.int64), 2, 3)
            seen.append(taken(data, 3))
    assert_same(seen[0], seen[2])
    assert_same(seen[1], seen[3])
    names = [{name for batch in s for name in batch["source_id"]} for s in seen[:2]]
    assert len(names[0] | names[1]) == 7 and not names[0] & names[1]


def test_a_worker_s_batches_are_those_of_one_process(folder, tmp_path):
    """The same part of the stream, by the worker's own reading and the trainer's."""
    worker_records.offer()
    source = TrainingInput(config_of(reader_of("coco", folder), folder, tmp_path / "c"))
    here, there = (
        taken(source._batches(Sees, Part(seed=5, start_step=1, portable=portable)), 3)
        for portable in (False, True)
    )
    assert_same(here, there)
    assert_same(here, taken(source.training_dataset(Sees, 1), 3))


def test_a_bad_image_is_named(folder, tmp_path):
    text = (folder / "coco.json").read_text().replace("3.jpg", "cut.jpg")
    whole = (folder / "images" / "3.jpg").read_bytes()
    (folder / "images" / "cut.jpg").write_bytes(whole[:90])
    (tmp_path / "coco.json").write_text(text)
    reader = reader_of("coco", folder).replace(f"{folder}/coco", f"{tmp_path}/coco")
    source = TrainingInput(config_of(reader, folder, tmp_path / "c"))
    with pytest.raises(UserError, match=r"cut\.jpg"):
        list(source.guarded(source.training_dataset(Sees, 0).take(2)))
    with pytest.raises(UserError, match=r"(?s)not fit for training.*cut\.jpg"):
        source.check()


@pytest.mark.parametrize(
    ("old", "new", "message", "field"),
    [
        (
            "annotations:",
            "#",
            "is not set: name a path",
            "coco_input_reader.annotations",
        ),
        ("coco.json", "cocoa.json", "coco.json", "coco_input_reader"),
        ("label_map.pbtxt", "none.pbtxt", "none.pbtxt", "label_map_path"),
        ("label_map.pbtxt", "cats.pbtxt", "class 'dog' is not in", "coco_input_reader"),
    ],
)
def test_what_is_missing_is_named(folder, tmp_path, old, new, message, field):
    LabelMap.from_names(["cat"]).save(folder / "cats.pbtxt")
    config_of(
        reader_of("coco", folder).replace(" images", "\n images"),
        folder,
        tmp_path / "c",
    )
    path = tmp_path / "c"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ConfigError, match=message) as error:
        TrainingInput(load_config(path))
    assert error.value.field_path == f"train_input_reader.{field}"


def test_unknown_classes_are_dropped_if_asked(folder, tmp_path):
    LabelMap.from_names(["cat"]).save(folder / "cats.pbtxt")
    path = tmp_path / "c"
    config_of(reader_of("coco", folder), folder, path, "drop_unknown_classes: true")
    path.write_text(path.read_text().replace("label_map.pbtxt", "cats.pbtxt"))
    source = EvaluationInput(load_config(path), 0)
    source.check()
    classes = [
        b["classes"][b["valid"]] for b in taken(source.evaluation_dataset(Sees), 9)
    ]
    assert sum(len(c) for c in classes) == 2


def test_data_check_of_a_config(folder, tmp_path, capsys):
    config_of(reader_of("voc", folder), folder, tmp_path / "c")
    assert main(["data", "check", "--config", f"{tmp_path}/c", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    places = ["train_input_reader", "eval_input_reader[0]"]
    assert list(found) == [*places, "between the sets"]
    assert [found[place]["records"] for place in places] == [7, 7]
    assert main(["data", "check", "--config", f"{tmp_path}/c", "x.record"]) == 2
    assert main(["data", "check", "x.record"]) == 2
    assert "or a --config" in capsys.readouterr().err


def test_kinds_are_known_without_the_converters():
    assert KINDS == FOLDERS
