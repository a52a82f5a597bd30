"""Branches of a ResNet: weights, maps, and the networks that they are."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from od_api.backbones import resnet
from od_api.core import registry
from od_api.core.errors import ConfigError
from od_api.layers import keras_network
from od_api.protos import backbone_pb2

# Networks are rebuilt from Keras' one, with weights of their own: one is enough.
keras_resnet = functools.cache(resnet._keras_model)
NARROW = "depth_multiplier: 0.0625 min_depth: 4 "


def backbone(fields="", **context):
    message = text_format.Parse(NARROW + fields, backbone_pb2.Resnet())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resnet, "_keras_model", keras_resnet)
        return registry.build(message, joins_branches=True, **context)


@pytest.fixture(scope="module")
def trident():
    made = backbone("trident {}")
    # Statistics that tell one network from another.
    for i, variable in enumerate(made.variables):
        if "moving" in variable.path:
            noise = tf.random.stateless_uniform(variable.shape, (i, 1), 0.5, 1.5)
            variable.assign(noise)
    return made


@pytest.fixture(scope="module")
def images():
    return 50 * tf.random.stateless_normal([2, 96, 64, 3], (1, 2))


def ordinary(source, dilation):
    """The ResNet whose conv4 has that dilation, with the same weights."""

    def edit(layer, config):
        if "filters" in config:
            config["filters"] = source.network.get_layer(layer.name).filters
        if layer.name.startswith("conv4_") and config.get("kernel_size") == (3, 3):
            config["dilation_rate"] = (dilation, dilation)

    network = keras_network.rebuild(
        keras_resnet(50, None, (None, None, 3)), name="plain", edit=edit
    )
    ends = [f"conv{n}_block{b}_out" for n, b in ((2, 3), (3, 4), (4, 6), (5, 3))]
    network = keras_network.stages(network, ends)
    weights = {layer.name: layer.get_weights() for layer in source.network.layers}
    for layer in network.layers[1:]:
        layer.set_weights(weights[layer.name])
    return network


def test_parameters_are_those_of_one_branch(trident):
    """Three branches have one set of weights, and the names that files know (T25)."""
    plain = backbone()
    shapes = [
        {v.path.split("/", 1)[1]: v.shape for v in one.variables}
        for one in (trident, plain)
    ]
    assert shapes[0] == shapes[1]
    assert plain.branches is None and trident.branches.count == 3


def test_each_branch_is_the_network_of_its_dilation(trident, images):
    """Three maps of equal size an image, all levels; C2 and C3 are alike in all."""
    maps = trident(images)
    assert {n: x.shape[:3] for n, x in maps.items()} == {
        "C2": (6, 24, 16),
        "C3": (6, 12, 8),
        "C4": (6, 6, 4),
        "C5": (6, 3, 2),
    }
    for branch, dilation in enumerate((1, 2, 3)):
        expected = ordinary(trident, dilation)(images)
        for level, wanted in zip(maps, expected, strict=True):
            found = maps[level][2 * branch : 2 * branch + 2]
            scale = float(tf.reduce_max(tf.abs(wanted)))
            np.testing.assert_allclose(found / scale, wanted / scale, atol=1e-5)
    assert float(tf.reduce_max(tf.abs(maps["C4"][:2] - maps["C4"][2:4]))) > 0


def test_fast_is_the_middle_branch(trident, images):
    """TridentNet Fast: branch 2 alone in inference, all of them in training."""
    fast = backbone("trident { inference_branch: 1 }")
    for mine, theirs in zip(fast.variables, trident.variables, strict=True):
        mine.assign(theirs)
    found, all_of_them = fast(images), trident(images)
    for level, x in found.items():
        np.testing.assert_allclose(x, all_of_them[level][2:4], rtol=1e-4, atol=1e-3)
    assert fast(images, training=True)["C4"].shape[0] == 6
    assert fast.branches.running(training=False) == [1]


def test_cut_in_two_and_other_stages():
    """Below a second stage C4 is the last map; C3 dilated has branches from there."""
    cut = backbone("second_stage: true trident { dilations: [1, 4] }")
    assert cut.levels == ("C2", "C3", "C4") and cut.second_stage is not None
    assert cut(tf.zeros([1, 32, 32, 3]))["C4"].shape[:3] == (2, 2, 2)
    early = backbone('trident { stage: "C2" dilations: [1, 2] }')
    maps = early(tf.ones([1, 64, 64, 3]))
    assert all(x.shape[0] == 2 for x in maps.values())
    assert float(tf.reduce_max(tf.abs(maps["C2"][0] - maps["C2"][1]))) > 0


@pytest.mark.parametrize(
    ("fields", "place", "message"),
    [
        ("trident { dilations: 0 dilations: 1 }", "trident.dilations", "is 0"),
        ("trident { dilations: 2 }", "trident.dilations", "one number"),
        ("trident { ranges {} }", "trident.ranges", "are 1, and there are 3"),
        ("trident { inference_branch: 3 }", "trident.inference_branch", "0 to 2"),
        ("trident { inference_branch: -1 }", "trident.inference_branch", "0 to 2"),
        ('trident { stage: "P4" }', "trident.stage", "none of C2"),
        (
            'second_stage: true trident { stage: "C5" }',
            "trident.stage",
            "no map of the backbone",
        ),
        (
            'deformable_stages: "C4" trident {}',
            "trident.stage",
            "are deformable",
        ),
        (
            "conv_hyperparams { low_rank: 0.5 } trident {}",
            "trident.stage",
            "low_rank has no dilated",
        ),
        (
            "trident { ranges { low: 9 high: 1 } ranges {} ranges {} }",
            "trident.ranges[0].low",
            "9",
        ),
    ],
)
def test_what_is_refused(fields, place, message):
    with pytest.raises(ConfigError, match=message) as caught:
        backbone(fields)
    assert caught.value.field_path == place


def test_a_detector_that_joins_no_branches():
    message = text_format.Parse("resnet { trident {} }", backbone_pb2.Backbone())
    with pytest.raises(ConfigError, match=r"only model\.faster_rcnn joins") as caught:
        registry.build(message)
    assert caught.value.field_path == "resnet.trident"
