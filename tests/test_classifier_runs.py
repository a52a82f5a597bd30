"""A classifier trains, evaluates, exports and starts a detector; wrong records."""

import numpy as np
import pytest
import tensorflow as tf
import tiny
import tiny_classifier
from test_compositions import lesson

from od_api.checkpoints import checkpoint_files
from od_api.core.errors import ConfigError, UserError
from od_api.core.variables import named_variables
from od_api.data.inputs import TrainingInput
from od_api.export import export
from od_api.exporting import saved_models
from od_api.train import train
from od_api.training.state import TrainingState

TOP_1 = "ImageClassification/top_1_accuracy"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(folder, data, metrics) of a run that has learnt three colours."""
    folder = tmp_path_factory.mktemp("classifier")
    data = tiny_classifier.make_data(folder / "data")
    # Statistics of fewer images, of 2x2 cells each, would be another network's.
    overrides = [*lesson(150, "adam_optimizer", 0.003), "train_config.batch_size=12"]
    config = tiny_classifier.config_for(folder, data, *overrides)
    done = train(config, folder / "model", num_steps=150)
    export(config, folder / "model", folder / "exported")
    return folder, data, done.metrics


def test_it_learns_and_accuracy_decides(run):
    folder, _, metrics = run
    assert metrics[TOP_1] == 1.0
    assert metrics["ImageClassification/top_5_accuracy"] == 1.0
    assert (folder / "model" / "best").is_dir()


def test_exported_classes(run):
    """Of an image that it has learnt; what reads detectors refuses it."""
    folder, _, _ = run
    path = folder / "exported" / "saved_model"
    model = tf.saved_model.load(str(path))
    example = tf.train.Example.FromString(tiny_classifier.record(["green"], seed=1))
    (png,) = example.features.feature["image/encoded"].bytes_list.value
    found = model(tf.io.decode_png(png)[None])
    assert found["image_class_scores"].shape == (1, 3)
    assert float(found["image_classes"][0, 0]) == 2
    np.testing.assert_allclose(
        found["image_scores"][0, 0], found["image_class_scores"][0, 1]
    )
    assert (
        "largest_score_difference" in (folder / "exported" / "parity.json").read_text()
    )
    with pytest.raises(UserError, match="no output detection_boxes"):
        saved_models.signature_of(model, path)


def test_its_weights_start_the_backbone_of_a_detector(run, tmp_path):
    folder, _, _ = run
    data = tiny.make_data(tmp_path, num_images=1)
    config = tiny.config_for(
        tmp_path,
        data,
        f"model.ssd.feature_extractor={{backbone {{{tiny_classifier.BACKBONE}}} neck "
        '{ssd_feature_maps {levels: ["C4", "C5"] extra_depths: [16, 16]}}}',
        f"train_config.fine_tune_checkpoint={folder / 'model'}",
        'train_config.fine_tune_checkpoint_type="classification"',
    )
    state = TrainingState(config, tmp_path / "model", tf.distribute.get_strategy())
    groups, _ = checkpoint_files.read(str(folder / "model" / "ckpt-150"))
    named = named_variables({"backbone": state.detector.parts["backbone"]})
    assert len(named) > 50
    for name, variable in named.items():
        np.testing.assert_array_equal(variable, groups["model"][name], name)


def box(low, high):
    edges = zip(("ymin", "xmin", "ymax", "xmax"), (low, low, high, high), strict=True)
    return {f"image__object__bbox__{name}": [value] for name, value in edges}


def check(folder, records, model=tiny_classifier.MODEL):
    data = tiny_classifier.write(folder / "data", records)
    config = tiny_classifier.config_for(folder, data, model=model)
    TrainingInput(config).check()


DETECTOR = tiny.CONFIG[: tiny.CONFIG.index("train_config")].replace(
    "num_classes: 5", "num_classes: 3"
)


@pytest.mark.parametrize(
    ("records", "problem"),
    [
        (
            [
                tiny_classifier.record(
                    [],
                    **box(0.1, 0.8),
                    image__object__class__text=[b"red"],
                )
            ],
            "has 1 boxes and neither image/class/label nor image/class/text",
        ),
        ([tiny_classifier.record([], image__class__text=[b"rad"])], "'rad'"),
        ([tiny_classifier.record([], image__class__label=[7])], "class id 7"),
        ([tiny_classifier.record([], image__class__label=[0.5])], "is float_list"),
    ],
    ids=["boxes_only", "unknown_text", "unknown_id", "wrong_type"],
)
def test_records_that_a_classifier_cannot_learn(records, problem, tmp_path):
    with pytest.raises(UserError, match="scenes") as caught:
        check(tmp_path, records)
    assert problem in str(caught.value)


def test_records_of_classes_alone_are_no_detector_s(tmp_path):
    with pytest.raises(UserError, match="learns from these"):
        check(tmp_path, [tiny_classifier.record(["red"])], model=DETECTOR)


def test_records_with_both_serve_both(tmp_path):
    both = tiny_classifier.record(
        ["red"], **box(0.1, 0.8), image__object__class__text=[b"red"]
    )
    check(tmp_path / "classes", [both])
    check(tmp_path / "boxes", [both], model=DETECTOR)


def test_several_classes_of_an_image_are_read(tmp_path):
    data = tiny_classifier.write(
        tmp_path / "data", [tiny_classifier.record(["blue", "red"])] * 4
    )
    config = tiny_classifier.config_for(tmp_path, data)
    state = TrainingState(config, tmp_path / "model", tf.distribute.get_strategy())
    batch = next(iter(TrainingInput(config).training_dataset(state.detector, 0)))
    np.testing.assert_array_equal(batch["image_classes"], [[1, 0, 1]] * 4)


@pytest.mark.parametrize(
    ("model", "override", "place"),
    [
        (
            tiny_classifier.MODEL,
            "eval_config.metrics_set='coco_detection_metrics'",
            "eval_config.metrics_set[0]",
        ),
        (
            DETECTOR,
            "eval_config.metrics_set='image_classification_metrics'",
            "eval_config.metrics_set[0]",
        ),
        (
            DETECTOR,
            "train_input_reader.load_image_classes=true",
            "train_input_reader.load_image_classes",
        ),
    ],
)
def test_settings_that_do_not_go_together(model, override, place, tmp_path):
    both = tiny_classifier.record(
        ["red"], **box(0.1, 0.8), image__object__class__text=[b"red"]
    )
    data = tiny_classifier.write(tmp_path / "data", [both] * 4)
    config = tiny_classifier.config_for(tmp_path, data, override, model=model)
    with pytest.raises(ConfigError, match="this model finds") as caught:
        train(config, tmp_path / "model", num_steps=1)
    assert caught.value.field_path == place
