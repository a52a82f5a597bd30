"""The study's grid: its cells, what each of them sets, and that all of them work."""

import collections
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from od_api import cli
from od_api.config.loading import load_config
from od_api.core.errors import ConfigError, UserError
from od_api.core.registry import build_field
from od_api.core.types import Targets
from od_api.protos import backbone_pb2, train_pb2
from od_api.study.grid.grid import find_cell, load_grid

GRIDS = pathlib.Path(__file__).parents[3] / "configs" / "study"
GRID = GRIDS / "huang_2017.grid"
CELLS = load_grid(GRID)


def test_147_models_as_published():
    """SSD 5 + 2, Faster R-CNN (4 + 2 * 2) * 2 * 5, R-FCN (2 + 2 * 2) * 2 * 5."""
    kinds = collections.Counter(cell.meta_architecture for cell in CELLS.values())
    assert kinds == {"ssd": 7, "faster_rcnn": 80, "rfcn": 60}


def test_trained_models_are_fewer_than_cells():
    """Proposals are chosen at inference: 7 + 16 + 12 models are trained."""
    assert len({cell.trained_name for cell in CELLS.values()}) == 35


@pytest.mark.parametrize("name", sorted({c.trained_name for c in CELLS.values()}))
def test_every_cell_has_a_config_with_its_settings(name):
    cell = next(c for c in CELLS.values() if c.trained_name == name)
    config = cell.inference_config()
    if cell.meta_architecture == "ssd":
        size = config.model.ssd.image_resizer.fixed_shape_resizer
        assert (size.height, size.width) == (cell.resolution, cell.resolution)
        return
    model = config.model.faster_rcnn
    size = model.image_resizer.keep_aspect_ratio_resizer
    assert (size.min_dimension, size.max_dimension) in ((300, 512), (600, 1024))
    assert model.feature_extractor.first_stage_features_stride == cell.stride
    anchors = model.first_stage_anchor_generator.grid_anchor_generator
    assert (anchors.height_stride, anchors.width_stride) == (cell.stride, cell.stride)
    assert model.first_stage_max_proposals == cell.proposals
    assert cell.training_config().model.faster_rcnn.first_stage_max_proposals == 300
    predictor = model.second_stage_box_predictor.WhichOneof("box_predictor_oneof")
    assert (predictor == "rfcn_box_predictor") == (cell.meta_architecture == "rfcn")


@pytest.mark.parametrize(
    "name, base, drops",
    [
        ("faster_rcnn_vgg16", 5e-4, (900_000, 1_200_000)),
        ("faster_rcnn_resnet101", 3e-4, (900_000, 1_200_000)),
        ("faster_rcnn_inception_v2", 2e-4, (900_000, 1_200_000)),
        ("faster_rcnn_inception_v3", 3e-4, (900_000, 1_200_000)),
        ("faster_rcnn_inception_resnet_v2", 1e-3, (900_000, 1_200_000)),
        ("faster_rcnn_mobilenet_v1", 3e-3, (900_000, 1_200_000)),
        ("rfcn_resnet101", 3e-4, (1_000_000, 1_200_000)),
        ("rfcn_inception_v2", 2e-4, (1_800_000, 2_000_000)),
        ("rfcn_inception_resnet_v2", 7e-4, (1_000_000, 1_200_000)),
        ("rfcn_mobilenet_v1", 2e-3, (1_600_000, 1_800_000)),
    ],
)
def test_published_learning_rates(name, base, drops):
    """Spec 5.1 and 5.2: divided by 10 at each of the two steps."""
    config = CELLS[f"{name}_600_stride16_proposals300"].training_config()
    rate = config.train_config.optimizer.momentum_optimizer.learning_rate
    schedule = rate.manual_step_learning_rate
    np.testing.assert_allclose(schedule.initial_learning_rate, base, rtol=1e-6)
    assert tuple(s.step for s in schedule.schedule) == drops
    np.testing.assert_allclose(
        [s.learning_rate for s in schedule.schedule], [base / 10, base / 100], rtol=1e-6
    )


@pytest.mark.parametrize(
    "extractor, crop, pooled",
    [
        ("vgg16", 14, 2),
        ("resnet101", 14, 2),
        ("inception_v2", 14, 1),
        ("inception_v3", 17, 1),
        ("inception_resnet_v2", 17, 1),
        ("mobilenet_v1", 14, 1),
    ],
)
def test_published_crops(extractor, crop, pooled):
    cell = CELLS[f"faster_rcnn_{extractor}_300_stride16_proposals10"]
    model = cell.training_config().model.faster_rcnn
    assert model.initial_crop_size == crop
    assert (model.maxpool_kernel_size, model.maxpool_stride) == (pooled, pooled)


def test_commands_list_cells_and_write_a_config(tmp_path, capsys):
    assert cli.main(["study", "cells", str(GRID)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 147
    name = "rfcn_resnet101_300_stride8_proposals50"
    path = tmp_path / "pipeline.config"
    assert cli.main(["study", "config", str(GRID), name, str(path)]) == 0
    model = load_config(path).model.faster_rcnn
    assert model.first_stage_max_proposals == 50
    assert cli.main(["study", "config", str(GRID), name + "0", str(path)]) == 2
    assert name in capsys.readouterr().err


def write(tmp_path, text):
    path = tmp_path / "some.grid"
    path.write_text(text)
    return path


def test_mistakes_in_a_grid_are_named(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        load_grid(tmp_path / "none.grid")
    with pytest.raises(ConfigError, match=r"some.grid:1:10.*resolution"):
        load_grid(write(tmp_path, "blocks { resolutions: 3 }"))
    with pytest.raises(UserError, match="meta_architecture is 'yolo'"):
        load_grid(write(tmp_path, "blocks { meta_architecture: 'yolo' }"))
    twice = "blocks { meta_architecture: 'ssd' extractor: 'a' resolution: 300 }"
    with pytest.raises(UserError, match="two cells of the name ssd_a_300"):
        load_grid(write(tmp_path, twice * 2))
    with pytest.raises(UserError, match="no stride"):
        load_grid(write(tmp_path, twice[:-1] + "stride: 8 }"))
    with pytest.raises(UserError, match=r"no cell 'ssd_b_.'; did you mean"):
        load_grid(write(tmp_path, twice + "exclude: 'ssd_b_*'"))
    for extractor in ("../../../x", "a/b", "", "a\\0"):
        block = twice.replace("'a'", f"'{extractor}'")
        with pytest.raises(UserError, match="becomes the name of a file"):
            load_grid(write(tmp_path, block))
    where = r"some.grid:1:50: blocks\[0\].resolution\[0\]: is -3; it must be in 1.."
    with pytest.raises(ConfigError, match=where):
        load_grid(write(tmp_path, twice.replace("300", "-3")))
    # A 0 that is written is no value that is not set.
    for field in ("stride", "proposals", "batch_size"):
        with pytest.raises(ConfigError, match=rf"{field}\[0\]: is 0;"):
            load_grid(write(tmp_path, f"{twice[:-1]} {field}: 0 }}"))
    for field in ("training_images", "evaluation_images", "size"):
        scenes = f"synthetic_scenes {{ {field}: 0 }}"
        with pytest.raises(ConfigError, match=rf"synthetic_scenes.{field}: is 0;"):
            load_grid(write(tmp_path, twice + scenes))
    with pytest.raises(UserError, match="no cell 'x'"):
        find_cell(CELLS, "x")


def test_axes_of_training_and_what_is_left_out(tmp_path):
    text = """blocks {
      meta_architecture: "faster_rcnn" extractor: "a" config: "CONFIG" resolution: 300
      stride: [8, 16] batch_size: [1, 4] precision: [FLOAT32, MIXED_BFLOAT16]
      proposals: [10, 300]
    }
    exclude: "*_stride8_*mixed_bfloat16*" exclude: "*_batch4_float32_proposals10"
    """
    shipped = CELLS["faster_rcnn_resnet101_300_stride8_proposals300"].config
    cells = load_grid(write(tmp_path, text.replace("CONFIG", shipped)))
    assert len(cells) == 2**4 - 4 - 2
    cell = cells["faster_rcnn_a_300_stride16_batch4_mixed_bfloat16_proposals10"]
    assert cell.trained_name == "faster_rcnn_a_300_stride16_batch4_mixed_bfloat16"
    settings = cell.training_config().train_config
    assert settings.batch_size == 4
    assert settings.precision == train_pb2.MIXED_BFLOAT16
    assert "faster_rcnn_a_300_stride16_batch1_float32_proposals10" in cells
    assert "faster_rcnn_a_300_stride16_batch4_float32_proposals10" not in cells


def test_every_network_has_a_cell_of_the_grid_of_extractors():
    """But hourglasses, DetNet and SpaghettiNet, whose maps make no pyramid of doubled
    strides, and a gate, which is around another network."""
    cells = load_grid(GRIDS / "extractors.grid").values()
    extractors = [c.training_config().model.ssd.feature_extractor for c in cells]
    named = {
        extractor.backbone.WhichOneof("backbone_oneof") for extractor in extractors
    }
    assert named == set(backbone_pb2.Backbone.DESCRIPTOR.fields_by_name) - {
        *("hourglass", "detnet", "spaghettinet", "objectness_gate")
    }
    assert all(extractor.neck.fpn.use_depthwise for extractor in extractors)


# The networks of the grid; resolutions and proposals change no weights. Of a deep one
# at two strides each kind of detector has one: the network is the same in both.
_OF_THE_OTHER_KIND = {
    ("faster_rcnn", "resnet101", 16),
    ("faster_rcnn", "inception_resnet_v2", 8),
    ("rfcn", "resnet101", 8),
    ("rfcn", "inception_resnet_v2", 16),
}
NETWORKS = sorted(
    {(c.meta_architecture, c.extractor, c.stride) for c in CELLS.values()}
    - _OF_THE_OTHER_KIND
)


@pytest.mark.slow
@pytest.mark.parametrize("kind, extractor, stride", NETWORKS)
def test_network_runs_at_full_size_and_takes_a_training_step(kind, extractor, stride):
    """Forward (two stages: at 300, with 10 proposals), then losses and gradients.

    At 600 every cell has been timed in docs/full_size_study: here it would take four
    times the time and the memory. Seeded: some random weights of a network without
    batch norm leave no gradient.
    """
    tf.keras.utils.set_random_seed(0)
    cells = [c for c in CELLS.values() if c[:2] == (kind, extractor)]
    cells = [c for c in cells if c.stride == stride and c.proposals in (0, 10)]
    cells = [c for c in cells if kind == "ssd" or c.resolution == 300]
    detector = build_field(_small_training(cells[0].training_config()), "model")
    limit = {} if kind == "ssd" else {"num_proposals": 10}
    for cell in cells:
        if kind == "ssd" and cell.resolution != cells[0].resolution:
            detector = build_field(cell.training_config(), "model")
        side = cell.resolution
        images = 255 * tf.random.stateless_uniform([1, side, side, 3], (1, 2))
        shapes = tf.constant([[side, side]])
        predictions = detector.call(images, shapes, **limit)
        found = detector.detect(predictions)
        assert np.isfinite(found.boxes).all() and found.boxes.numpy().max() <= side
        if kind == "ssd":
            continue
        features = predictions.features["C4"]
        assert features.shape[1:3] == (-(-side // stride), -(-side // stride))
        assert predictions.regions[0].class_logits.shape == (1, 10, 91)
    _training_step(detector, 300 if kind == "ssd" else 128)


def _small_training(config):
    """Few proposals to train on; what is built is the same."""
    if config.model.HasField("faster_rcnn"):
        config.model.faster_rcnn.second_stage_batch_size = 8
    return config


def _training_step(detector, side):
    boxes = tf.constant([[[10.0, 10, 70, 60], [40, 50, 110, 120]]])
    truth = Targets(
        boxes=boxes,
        classes=tf.constant([[3, 70]]),
        weights=tf.ones([1, 2]),
        valid=tf.ones([1, 2], tf.bool),
        true_shapes=tf.constant([[side, side]]),
    )
    images = 255 * tf.random.stateless_uniform([1, side, side, 3], (3, 4))
    variables = [v for p in detector.parts.values() for v in p.trainable_weights]
    with tf.GradientTape() as tape:
        predictions = detector.call(
            images, truth.true_shapes, training=True, targets=truth, seed=(1, 2)
        )
        losses = detector.losses(predictions, truth, (1, 2))
        total = tf.add_n(list(losses.values()))
    gradients = tape.gradient(total, [v.value for v in variables])
    assert np.isfinite(total)
    reached = set()
    for variable, gradient in zip(variables, gradients, strict=True):
        assert gradient is not None, variable.path
        gradient = tf.convert_to_tensor(gradient).numpy()
        assert np.isfinite(gradient).all(), variable.path
        if gradient.any():
            reached.add(variable.path.split("/")[0])
        variable.assign_sub(1e-3 * gradient)
    # The hard examples of one image may all lie on maps that the neck did not append.
    parts = {variable.path.split("/")[0] for variable in variables}
    assert parts - reached <= {"ssd_feature_maps"}
