"""Where old tensors go, on a few layers with numbers that can be checked by hand."""

import numpy as np
import pytest
import tensorflow as tf

from od_api.checkpoints.importing import placing
from od_api.checkpoints.importing.old_weights import OldWeights
from od_api.checkpoints.importing.placing import placed
from od_api.core.errors import UserError

V1 = "backbone/mobilenet_v1"
SLIM = "FeatureExtractor/MobilenetV1/MobilenetV1/Conv2d_0"
NORM = ("gamma", "beta", "moving_mean", "moving_variance")


def slim(**arrays):
    """OldWeights of TensorFlow 1's names; keywords have __ for /."""
    named = {k.replace("__", "/"): np.float32(v) for k, v in arrays.items()}
    return OldWeights("old.ckpt", "checkpoint", True, named, {}, 0)


def old(names, is_slim=True):
    """OldWeights whose arrays hold their places in the list: 0, 1, 2, ..."""
    arrays = {name: np.full([1], i, np.float32) for i, name in enumerate(names)}
    return OldWeights("old.ckpt", "checkpoint", is_slim, arrays, {}, 0)


def zeros(*names):
    return {name: tf.zeros([1]) for name in names}


def pairs(ours, theirs, is_slim=True):
    """{our name: old name} of what is placed; nothing else may be."""
    found = placed(old(theirs, is_slim), {}, zeros(*ours))
    for name, origin in found.origins.items():
        if origin in theirs:
            assert found.values[name].item() == theirs.index(origin)
    return found.origins


def norm(scope):
    return [f"{scope}/{leaf}" for leaf in NORM]


@pytest.mark.parametrize(
    ("unit", "scope"),
    [
        ("mobilenet_v1/conv_dw_11", "X/Conv2d_11_depthwise"),
        ("mobilenet_v1/conv_pw_1", "X/Conv2d_1_pointwise"),
        ("mobilenet_v2/expanded_conv_project", "MobilenetV2/expanded_conv/project"),
        ("mobilenet_v2/block_16_expand", "MobilenetV2/expanded_conv_16/expand"),
        ("mobilenet_v2/Conv_1", "MobilenetV2/Conv_1"),
        (
            "inception_v2/Mixed_3b_Branch_1_Conv2d_0a_1x1",
            "Mixed_3b/Branch_1/Conv2d_0a_1x1",
        ),
        ("inception_v2/Conv2d_2c_3x3", "InceptionV2/Conv2d_2c_3x3"),
        ("resnet101/conv4_block23_2", "F/block3/unit_23/bottleneck_v1/conv2"),
        ("resnet50/conv2_block1_0", "F/block1/unit_1/bottleneck_v1/shortcut"),
    ],
)
def test_slim_layers_and_their_batch_norm(unit, scope):
    end = {"mobilenet_v2": "_BN", "inception_v2": "_BatchNorm"}
    end = end.get(unit.split("/")[0], "_bn")
    kernel = "weights"
    conv = f"{unit}_conv" if unit.startswith("resnet") else unit
    layers = [f"backbone/{conv}/kernel", *norm(f"backbone/{unit}{end}")]
    theirs = [f"{scope}/{kernel}", *norm(f"{scope}/BatchNorm")]
    assert pairs(layers, theirs) == dict(zip(layers, theirs, strict=True))


def test_inception_resnet_counts_what_slim_names():
    """Five convolutions of the stem, seven of Mixed_5b, six a block; Keras' 203."""
    ours = {
        "conv2d": "InceptionResnetV2/Conv2d_1a_3x3",
        "conv2d_11": "Mixed_5b/Branch_3/Conv2d_0b_1x1",
        "conv2d_12": "Repeat/block35_1/Branch_0/Conv2d_1x1",
        "conv2d_72": "Mixed_6a/Branch_0/Conv2d_1a_3x3",
        "conv2d_155": "Repeat_1/block17_20/Branch_1/Conv2d_0c_7x1",
        "conv2d_202": "Block8/Branch_1/Conv2d_0c_3x1",
        "block17_3_conv": "Repeat_1/block17_3/Conv2d_1x1",
        "block8_10_conv": "Block8/Conv2d_1x1",
        "conv_7b": "Conv2d_7b_1x1",
    }
    names = [f"backbone/inception_resnet_v2/{layer}/kernel" for layer in ours]
    theirs = [f"{scope}/weights" for scope in ours.values()]
    assert pairs(names, theirs) == dict(zip(names, theirs, strict=True))


def test_ssd_maps_and_heads_of_slim():
    """E1 is the third map that the head reads: the old names count from there."""
    head = "head/convolutional_box_predictor"
    ours = {
        f"{head}/box_C4/conv/kernel": "BoxPredictor_0/BoxEncodingPredictor/weights",
        f"{head}/class_C5/conv/bias": "BoxPredictor_1/ClassPredictor/biases",
        f"{head}/box_E1/depthwise/kernel": (
            "BoxPredictor_2/BoxEncodingPredictor_depthwise/depthwise_weights"
        ),
        f"{head}/shared_E1/conv0/conv/kernel": "BoxPredictor_2/Conv2d_0_1x1_64/weights",
        "neck/ssd_feature_maps/E1/reduce/conv/kernel": (
            "F/Conv2d_13_pointwise_1_Conv2d_2_1x1_256/weights"
        ),
        "neck/ssd_feature_maps/E1/halve_depthwise/conv/kernel": (
            "F/Conv2d_13_pointwise_2_Conv2d_2_3x3_s2_512_depthwise/depthwise_weights"
        ),
        "neck/ssd_feature_maps/E1/halve/conv/kernel": (
            "F/Conv2d_13_pointwise_2_Conv2d_2_3x3_s2_512/weights"
        ),
    }
    assert pairs(list(ours), list(ours.values())) == ours


@pytest.mark.parametrize("coarse", ["block5", "Conv2d_14", "Conv2d_20"])
def test_pyramid_and_shared_head_of_slim(coarse):
    head = "head/weight_shared_convolutional_box_predictor"
    shared = "WeightSharedConvolutionalBoxPredictor"
    ours = {
        "neck/fpn/lateral_P3/kernel": "R/fpn/projection_1/weights",
        "neck/fpn/lateral_P5/bias": "R/fpn/projection_3/biases",
        "neck/fpn/smooth_P4/conv/kernel": "R/fpn/smoothing_2/weights",
        "neck/fpn/coarse_P6/conv/kernel": f"R/fpn/bottom_up_{coarse}/weights",
        f"{head}/box/kernel": f"{shared}/BoxPredictor/weights",
        f"{head}/class/bias": f"{shared}/ClassPredictor/biases",
        f"{head}/box_tower_conv1/kernel": (
            f"{shared}/BoxPredictionTower/conv2d_1/weights"
        ),
        f"{head}/box_tower_P3/norm1/beta": (
            f"{shared}/BoxPredictionTower/conv2d_1/BatchNorm/feature_0/beta"
        ),
        f"{head}/box_tower_P3/norm1/moving_mean": (
            f"{shared}/BoxPredictionTower/conv2d_1/BatchNorm/feature_0/moving_mean"
        ),
    }
    assert pairs(list(ours), list(ours.values())) == ours


def test_both_stages_of_slim():
    """The first stage's scope held a whole ResNet; conv5 is the second's."""
    unit = "resnet_v1_101/block4/unit_1/bottleneck_v1/conv1/weights"
    ours = {
        "backbone/resnet101/conv5_block1_1_conv/kernel": (
            f"SecondStageFeatureExtractor/{unit}"
        ),
        "rpn/region_proposal_predictor/shared/conv/kernel": "Conv/weights",
        "rpn/region_proposal_predictor/box/bias": (
            "FirstStageBoxPredictor/BoxEncodingPredictor/biases"
        ),
        "head/mask_rcnn_box_predictor/class/dense/kernel": (
            "SecondStageBoxPredictor/ClassPredictor/weights"
        ),
        "head/mask_rcnn_box_predictor/mask/convs/conv0/conv/kernel": (
            "SecondStageBoxPredictor/Conv/weights"
        ),
        "head/mask_rcnn_box_predictor/mask/convs/upsample_conv/conv/kernel": (
            "SecondStageBoxPredictor/Conv_1/weights"
        ),
        "head/mask_rcnn_box_predictor/mask/convs/last/bias": (
            "SecondStageBoxPredictor/Conv_2/biases"
        ),
    }
    theirs = [*ours.values(), f"FirstStageFeatureExtractor/{unit}"]
    found = placed(old(theirs), {}, zeros(*ours))
    assert found.origins == ours
    assert found.unused == [theirs[-1]]


def test_score_maps_of_slim():
    head = "head/rfcn_box_predictor"
    ours = {
        f"{head}/reduce_depth/conv/bias": "SecondStageBoxPredictor/reduce_depth/biases",
        f"{head}/box/conv/bias": "SecondStageBoxPredictor/refined_locations/biases",
        f"{head}/class/conv/bias": "SecondStageBoxPredictor/class_predictions/biases",
    }
    assert pairs(list(ours), list(ours.values())) == ours


@pytest.mark.parametrize("own", [True, False])
def test_proposals_of_a_pyramid(own):
    """P2 is the finest level, which all take where they share their predictors."""
    head, old_head = "rpn/region_proposal_predictor", "FirstStageBoxPredictor"
    ours = {
        f"{head}/shared/conv/kernel": "RPNConv/kernel",
        f"{head}/box{'_P2' * own}/kernel": (
            f"{old_head}/ConvolutionalBoxHead_0/BoxEncodingPredictor/kernel"
        ),
    }
    coarser = {
        f"{head}/class_P{level}/bias": (
            f"{old_head}/ConvolutionalClassHead_{level - 2}/ClassPredictor/bias"
        )
        for level in (2, 3, 4, 5, 6)
    }
    if not own:
        found = placed(
            old([*ours.values(), *coarser.values()], False), {}, zeros(*ours)
        )
        assert found.origins == ours and found.unused == sorted(coarser.values())
        return
    both = ours | coarser
    assert pairs(list(both), list(both.values()), False) == both


def test_layers_that_keras_counted_up():
    """A second network of one process: freezable_batch_norm_7 is its first."""
    ours = {
        "backbone/inception_resnet_v2/conv2d/kernel": "conv2d_203/kernel",
        "backbone/inception_resnet_v2/conv2d_1/kernel": "conv2d_1204/kernel",
        "backbone/inception_resnet_v2/batch_normalization_1/moving_mean": (
            "freezable_batch_norm_8/moving_mean"
        ),
        "regions/fully_connected_regions/second/kernel": "dense_5/kernel",
    }
    others = ["freezable_batch_norm_7/moving_mean", "dense_4/kernel"]
    found = placed(old([*ours.values(), *others], False), {}, zeros(*ours))
    assert found.origins == ours and found.unused == sorted(others)


def test_folded_batch_norm_becomes_one_that_only_adds():
    """sqrt(variance + epsilon) is 1: y = 1 (x - 0) / 1 + bias."""
    source = slim(**{f"{SLIM}/weights": np.ones([1, 1, 1, 2])})
    source.arrays[f"{SLIM}/biases"] = np.float32([3, -4])
    names = [f"{V1}/conv1/kernel", *norm(f"{V1}/conv1_bn")]
    found = placed(source, {}, zeros(*names))
    gamma, beta, mean, variance = (found.values[name] for name in names[1:])
    assert found.folded == 1 and found.unused == []
    np.testing.assert_array_equal(beta, [3, -4])
    np.testing.assert_array_equal(gamma, [1, 1])
    np.testing.assert_array_equal(mean, [0, 0])
    np.testing.assert_allclose(variance + placing._EPSILON, [1, 1], rtol=1e-7)


def test_batch_norm_without_a_place_is_folded():
    """y = (3 x + 1 - 2) 4 / sqrt(4 - e + e) + 5 = 6 x + 3, in one bias."""
    scope = "InceptionV2/Conv2d_1a_7x7"
    source = slim(
        **{
            f"{scope}/depthwise_weights": [[[[7, 8]]]],
            f"{scope}/pointwise_weights": [[[[3], [9]]]],
            f"{scope}/biases": [1],
            f"{scope}/BatchNorm/gamma": [4],
            f"{scope}/BatchNorm/beta": [5],
            f"{scope}/BatchNorm/moving_mean": [2],
            f"{scope}/BatchNorm/moving_variance": [4 - placing._EPSILON],
        }
    )
    layer = "backbone/inception_v2/Conv2d_1a_7x7"
    names = [f"{layer}/{x}" for x in ("depthwise_kernel", "pointwise_kernel", "bias")]
    found = placed(source, {}, zeros(*names))
    depthwise, pointwise, bias = (found.values[name].ravel() for name in names)
    np.testing.assert_array_equal(depthwise, [7, 8])
    np.testing.assert_allclose(pointwise, [6, 18], rtol=1e-6)
    np.testing.assert_allclose(bias, [3], rtol=1e-6)
    assert found.unused == []
    del source.arrays[f"{scope}/biases"]
    found = placed(source, {}, zeros(*names))
    np.testing.assert_allclose(found.values[names[2]], [1], rtol=1e-6)


def test_scale_without_a_place_goes_into_kernel_and_mean():
    """(3 x - 2) 4 = 12 x - 8."""
    scope = "InceptionV2/Conv2d_2b_1x1"
    leaves = {"gamma": 4, "beta": 5, "moving_mean": 2, "moving_variance": 6}
    source = slim(**{f"{scope}/BatchNorm/{leaf}": [x] for leaf, x in leaves.items()})
    source.arrays[f"{scope}/weights"] = np.float32([[[[3]]]])
    layer = "backbone/inception_v2/Conv2d_2b_1x1"
    names = [f"{layer}/kernel", *norm(f"{layer}_BatchNorm")[1:]]
    found = placed(source, {}, zeros(*names))
    values = [found.values[name].item() for name in names]
    assert values == [12, 5, 8, 6] and found.unused == []


def test_bias_without_a_place_goes_into_the_mean():
    """x + 3 - 2 = x - (-1)."""
    source = slim(**{f"{SLIM}/BatchNorm/moving_mean": [2], f"{SLIM}/biases": [3]})
    source.arrays[f"{SLIM}/weights"] = np.ones([1, 1, 1, 1], np.float32)
    names = [f"{V1}/conv1/kernel", f"{V1}/conv1_bn/moving_mean", f"{V1}/conv1_bn/gamma"]
    found = placed(source, {}, zeros(*names))
    assert found.values[names[1]].item() == -1 and found.unused == []


def test_first_kernel_of_a_resnet_reads_the_colours_the_other_way():
    source = slim(resnet_v1_50__conv1__weights=np.arange(3).reshape(1, 1, 3, 1))
    name = "backbone/resnet50/conv1_conv/kernel"
    found = placed(source, {}, zeros(name, "backbone/resnet50/conv1_conv/bias"))
    assert found.values[name].ravel().tolist() == [2, 1, 0]
    assert found.values["backbone/resnet50/conv1_conv/bias"].tolist() == [0]


def test_two_networks_in_one_file_are_refused():
    theirs = ["a/MobilenetV1/Conv2d_0/weights", "b/MobilenetV1/Conv2d_0/weights"]
    with pytest.raises(UserError, match=r"two networks: a/Mob.* and b/Mob"):
        placed(old(theirs), {}, zeros(f"{V1}/conv1/kernel"))
