"""Records with detections: from a run and from its export, and evaluated again."""

import pytest
import random_checkpoint
import tensorflow as tf
import tiny

from od_api.cli import main
from od_api.config.loading import load_config
from od_api.core.errors import UserError
from od_api.data import records
from od_api.data.detection_fields import detections_in
from od_api.evaluate import evaluate, evaluate_detections
from od_api.export import export
from od_api.infer import infer


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(directory of a run, path of its records)."""
    folder = tmp_path_factory.mktemp("infer")
    data = tiny.make_data(folder, num_images=2)
    (folder / "run").mkdir()
    path = tiny.write_config(folder / "run", data)
    random_checkpoint.write(load_config(path), folder / "run")
    return folder / "run", f"{data}/scenes.record-*"


def examples(path):
    paths = records.expand(str(path))
    return [tf.train.Example.FromString(r) for p in paths for r in records.read(p)]


def test_a_run_and_its_export_find_the_same(run, tmp_path):
    folder, data = run
    config = load_config(folder / "pipeline.config")
    assert main(["data", "infer", str(folder), data, "--output", f"{tmp_path}/a"]) == 0
    export(config, folder, tmp_path / "export")
    number, found = infer(
        tmp_path / "export", data, tmp_path / "b", discard_image_pixels=True
    )
    before, after, small = (examples(p) for p in (data, tmp_path / "a", tmp_path / "b"))
    assert number == len(before) == len(after) == len(small) == 2
    assert found == sum(len(detections_in(e)[0]) for e in after) > 0
    for one, other, without in zip(before, after, small, strict=True):
        boxes, ids, scores = detections_in(other)
        assert detections_in(without)[1].tolist() == ids.tolist()
        assert detections_in(without)[0] == pytest.approx(boxes, abs=1e-5)
        assert ids.min() >= 1 and ids.max() <= 5
        assert scores.tolist() == sorted(scores, reverse=True)
        assert "image/encoded" not in without.features.feature
        for key, value in one.features.feature.items():
            assert other.features.feature[key] == value
    of_model = evaluate(config, folder, output_dir=tmp_path)
    given = evaluate_detections(config, tmp_path / "b", output_dir=tmp_path)
    assert given == pytest.approx(
        {n: v for n, v in of_model.items() if "Loss" not in n}, abs=1e-6
    )


def test_nothing_is_written_of_bad_records(run, tmp_path):
    bad = tmp_path / "bad.record"
    with tf.io.TFRecordWriter(str(bad)) as writer:
        for record in records.read(records.expand(run[1])[0]):
            writer.write(record)
        writer.write(tf.train.Example().SerializeToString())
    with pytest.raises(UserError, match=r"bad\.record record 2: has no image"):
        infer(run[0], bad, tmp_path / "out.record")
    with pytest.raises(UserError, match="is one of the records that are read"):
        infer(run[0], bad, bad)
    assert [p.name for p in tmp_path.iterdir()] == ["bad.record"]
