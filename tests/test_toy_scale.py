"""Every technique that training sees takes a step at toy scale."""

import math

import numpy as np
import pytest
import tensorflow as tf
import toy_scale
from google.protobuf import text_format

from od_api.config.compatibility import check_compatibility
from od_api.config.loading import load_config
from od_api.data.batch_fields import numeric
from od_api.data.inputs import TrainingInput
from od_api.data.synthetic import synth
from od_api.data.write_chips import write_chips
from od_api.layers.conv_hyperparams import GROUPS
from od_api.techniques.digests import technique_configs
from od_api.techniques.technique_rows import technique_rows
from od_api.training.state import TrainingState

TECHNIQUES = technique_configs()
# What follows the network, of detectors that train as their base does.
AFTER = {"evaluation", "similarities", "suppressions"}
TRAINED = [
    row.name
    for row in technique_rows()
    if row.family == "techniques"
    and not (
        set(row.kinds) & {"evaluation", "suppressions"} and set(row.kinds) <= AFTER
    )
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    for split in ("train", "val"):
        synth.generate_records(
            folder / split,
            num_images=4,
            seed=7,
            split=split,
            difficulty="easy",
            image_size=(toy_scale.SIDE, toy_scale.SIDE),
            include_masks=True,
        )
    return folder


@pytest.fixture(scope="module")
def first_batch():
    """(config, detector) -> the first batch; configs that prepare alike share it."""
    made = {}

    def batch_for(config, detector):
        settings = config.train_config
        seen = [config.train_input_reader, detector_message(config).image_resizer]
        seen += [*settings.data_augmentation_options, *settings.batch_schemes]
        key = "".join(map(text_format.MessageToString, seen))
        if key not in made:
            batches = TrainingInput(config).training_dataset(detector, 0)
            made[key] = next(iter(batches))
        return made[key]

    return batch_for


def detector_message(config):
    return getattr(config.model, config.model.WhichOneof("model"))


@pytest.mark.parametrize("name", TRAINED)
def test_a_technique_takes_a_training_step(name, data, first_batch, tmp_path):
    """Without a graph, whose making would take most of the time."""
    config = toy_scale.toy(load_config(TECHNIQUES[name]), data)
    check_compatibility(config)
    if config.train_input_reader.HasField("chips"):
        write_chips(config)
    state = TrainingState(config, tmp_path, tf.distribute.get_strategy())
    weights = state.take_step._trainable
    before = {name: value.numpy() for name, value in weights.items()}
    batch = first_batch(config, state.detector)
    losses, _ = state.take_step.update(numeric(batch))
    assert losses and all(np.isfinite(loss) for loss in losses.values()), losses
    changed = [n for n, value in weights.items() if (before[n] != value.numpy()).any()]
    assert len(changed) > 0.5 * len(weights)
    for variable in weights.values():
        assert np.isfinite(variable.numpy()).all(), variable.name


def test_the_technique_stays():
    """What is shrunk differs from its base by what it differed by before."""
    path = TECHNIQUES["ssd_mobilenet_v1_multi_scale"]
    config = toy_scale.toy(load_config(path), "DATA")
    scheme = config.train_config.batch_schemes[0].multi_scale
    # 96 / 300 of 224, 256, 288, 320, 352 and 384.
    assert scheme.sizes == [72, 82, 92, 102, 113, 123]
    assert scheme.every_n_batches == 10


def test_groups_of_a_norm_have_several_channels():
    """One of a single channel takes away its mean over the map."""
    path = TECHNIQUES["ssd_resnet50_fpn_fcos"]
    config = toy_scale.toy(load_config(path), "DATA")
    depth = config.model.ssd.box_predictor.fcos_box_predictor.depth
    assert depth / math.gcd(GROUPS, depth) >= 8


def test_small_is_what_is_stitched():
    """Of boxes from 35 to 78 px, by half: up to 39 px are, and most whole ones not."""
    path = TECHNIQUES["ssd_mobilenet_v1_stitcher"]
    config = toy_scale.toy(load_config(path), "DATA")
    area = config.train_config.batch_schemes[0].stitcher.small_area
    assert 39**2 < area < 52**2


def test_chips_are_tested_at_the_sizes_that_they_are_trained_at():
    config = load_config(TECHNIQUES["faster_rcnn_resnet101_chips"])
    trained = [
        (scale.min_dimension, scale.max_dimension, scale.low, scale.high)
        for scale in config.train_input_reader.chips.scales
    ]
    tested = [
        (resizer.min_dimension, resizer.max_dimension, size.low, size.high)
        for size in config.inference.image_pyramid.sizes
        for resizer in [size.image_resizer.keep_aspect_ratio_resizer]
    ]
    assert sorted(trained) == sorted(tested)


def test_all_scales_of_chips_have_objects():
    """Of boxes from 35 to 78 px."""
    path = TECHNIQUES["faster_rcnn_resnet101_chips"]
    config = toy_scale.toy(load_config(path), "DATA")
    scales = config.train_input_reader.chips.scales
    ends = [(s.low, s.high) for s in scales]
    np.testing.assert_allclose(ends[:2], [[0, 48], [24, 96]])
    assert ends[2][0] == pytest.approx(72)


def test_a_network_is_kept_where_others_lack_what_it_has():
    path = TECHNIQUES["faster_rcnn_resnet50_deformable_conv"]
    config = toy_scale.toy(load_config(path), "DATA")
    network = config.model.faster_rcnn.feature_extractor.backbone.resnet
    assert network.deformable_stages == ["C3", "C4", "C5"]
    assert network.depth_multiplier == 0.125
