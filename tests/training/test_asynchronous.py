"""Asynchronous training on a cluster of real processes."""

import json
import subprocess
import sys

import data_set_kit
import numpy as np
import pytest
import test_synchronous
import tiny
from cluster_kit import running

from od_api.checkpoints import checkpoint_files
from od_api.data.label_map import LabelMap

pytestmark = pytest.mark.slow

_STEPS = 1000


@pytest.fixture(scope="module")
def counts(tmp_path_factory):
    """What models that count their updates say after 1000 steps of 3 workers."""
    folder = tmp_path_factory.mktemp("counts")
    result = folder / "result.json"
    optimizers = ["momentum", "adam", "rms_prop", "keras"]
    command = ["tests/count_updates.py", str(_STEPS), str(result), *optimizers]
    with running(folder, command, chief=1, worker=3, ps=2) as cluster:
        assert cluster.wait() == 0, cluster.log()
    return json.loads(result.read_text())


def test_every_scheduled_step_is_counted_once(counts):
    assert {c["step"] for c in counts.values()} == {_STEPS}
    assert all(c["finished"] for c in counts.values())


@pytest.mark.parametrize(("optimizer", "sign"), [("momentum", 1), ("rms_prop", -1)])
def test_momentum_loses_no_update(counts, optimizer, sign):
    """The slot counts them; the weight is 1 + 2 + ... + 1000.

    Momentum's slot is added to the weight, RMSProp's is subtracted from it.
    """
    assert counts[optimizer]["slots"]["momentum"] == sign * _STEPS
    assert counts[optimizer]["weight"] == _STEPS * (_STEPS + 1) / 2


def test_adam_loses_no_update(counts):
    """The mean of ones with decay d is 1 - d^n; one update less would miss 3.7e-4."""
    assert counts["adam"]["slots"]["v"] == pytest.approx(1 - 0.999**_STEPS, abs=5e-5)


def test_keras_own_optimizer_loses_updates(counts):
    """What the fused ops are for: slots that are read, computed and assigned race."""
    assert counts["keras"]["slots"]["momentum"] < _STEPS


def test_staleness_is_measured(counts):
    """Of 3 workers at most 2 others and their next steps come between."""
    assert 0 < counts["momentum"]["staleness_mean"] < 6
    assert counts["momentum"]["staleness_p95"] >= 1


def as_yolo_folder(data, folder):
    """The records of `tiny.make_data` as images with text files; its InputReader."""
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    label_map = LabelMap.load(str(data / "label_map.pbtxt"))
    names = [label_map.name(i) for i in sorted(label_map.ids)]
    (folder / "names.txt").write_text("\n".join(names))
    for number, features in enumerate(data_set_kit.read(data / "scenes.record")):
        kind = features["image/format"][0].decode()
        image = folder / "images" / f"{number}.{kind}"
        image.write_bytes(features["image/encoded"][0])
        lines = []
        for label, (top, left, low, right) in zip(
            features["image/object/class/label"],
            data_set_kit.boxes(features),
            strict=True,
        ):
            middle = f"{(left + right) / 2:.9f} {(top + low) / 2:.9f}"
            lines.append(f"{label - 1} {middle} {right - left:.9f} {low - top:.9f}")
        (folder / "labels" / f"{number}.txt").write_text("\n".join(lines))
    return (
        f'yolo_input_reader {{ images: "{folder}/images" labels: "{folder}/labels" '
        f'names: "{folder}/names.txt" }}'
    )


def test_one_worker_on_a_folder_equals_training_in_step_on_its_records(tmp_path):
    """10 steps of all 8 images, whose order does not matter: nothing is stale.

    The images are read in other orders, and sums in other orders round otherwise. The
    worker reads them from a folder as it is, and the process alone from records.
    """
    data = tiny.make_data(tmp_path, num_images=8)
    config = test_synchronous.write_config(tmp_path, data, synchronized=False)
    text = config.read_text()
    flip = "data_augmentation_options { random_horizontal_flip {} }"
    assert flip in text
    text = text.replace(flip, "")
    config.write_text(text)
    records = f'tf_record_input_reader {{ input_path: "{data}/scenes.record-*" }}'
    assert records in text
    of_folder = tmp_path / "folder.config"
    of_folder.write_text(
        text.replace(records, as_yolo_folder(data, tmp_path / "yolo"), 1)
    )
    command = ["-m", "od_api.cli", "train"]
    parted = [*command, str(of_folder), str(tmp_path / "parted")]
    with running(tmp_path / "logs", parted, chief=1, worker=1, ps=2) as cluster:
        assert cluster.wait() == 0, cluster.log()
    whole = [
        sys.executable,
        *command,
        str(config),
        str(tmp_path / "whole"),
        "--no-eval",
    ]
    subprocess.run(whole, check=True, capture_output=True)
    groups, _ = checkpoint_files.read(str(tmp_path / "parted" / "ckpt-10"))
    expected, _ = checkpoint_files.read(str(tmp_path / "whole" / "ckpt-10"))
    for group in ("model", "optimizer"):
        assert groups[group].keys() == expected[group].keys()
        for name, value in expected[group].items():
            np.testing.assert_allclose(
                groups[group][name], value, atol=1e-4, err_msg=name
            )
