"""Networks over networks: half precision, XLA and exports of one of each kind.

A neck over a neck, a backbone over a backbone, and a neck whose cells are not square,
each in a detector of points.
"""

import numpy as np
import pytest
import tensorflow as tf
import tiny
import tiny_compositions

from od_api.core.registry import build_field
from od_api.export import export
from od_api.train import train

EXTRACTOR = "model.ssd.feature_extractor"
FPN = "fpn { min_level: 3 max_level: 5 depth: 16 }"
MOBILE = "mobilenet_v1 { depth_multiplier: 0.25 }"
MASKS = "masks { fast_scnn { num_classes: 2 depth_multiplier: 0.25 } }"
NETWORKS = {
    "neck_over_neck": [
        f"{EXTRACTOR}={{backbone {{{MOBILE}}} neck {{asff {{neck {{{FPN}}}}}}}}}"
    ],
    "backbone_over_backbone": [
        f"{EXTRACTOR}={{backbone {{objectness_gate {{backbone {{{MOBILE}}} {MASKS}}}}} "
        f"neck {{{FPN}}}}}",
        "model.ssd.mask_supervision={loss_weight: 0.5}",
    ],
    "matrix": [
        f"{EXTRACTOR}={{backbone {{{MOBILE}}} "
        f"neck {{matrix_net {{neck {{{FPN.replace('5', '4')}}} steps: 1}}}}}}",
        "model.ssd.anchor_generator={matrix_point_generator {max_level: 4 steps: 1}}",
        "model.ssd.objective.matched.matcher={matrix_assigner {levels: 2 steps: 1}}",
    ],
}
PRECISIONS = dict(zip(NETWORKS, ("FLOAT16", "BFLOAT16", "BFLOAT16"), strict=True))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.make_data(tmp_path_factory.mktemp("data"), num_images=2)


@pytest.fixture(params=NETWORKS)
def config(request, data, tmp_path):
    precision = f"train_config.precision=MIXED_{PRECISIONS[request.param]}"
    overrides = [*NETWORKS[request.param], precision]
    return tiny_compositions.config_for(tmp_path, data, "fcos", *overrides)


def test_two_steps_and_the_export(config, tmp_path):
    """In half precision, of finite losses; the export, in float32, agrees."""
    result = train(config, tmp_path / "run", num_steps=2, evaluate_on_the_way=False)
    assert result.step == 2
    differences = export(config, tmp_path / "run", tmp_path / "exported")
    assert differences["scores"] <= 1e-5 and differences["boxes"] <= 1e-3


def test_xla_computes_the_same(config):
    detector = build_field(config, "model")
    images = tf.random.stateless_uniform([1, 128, 128, 3], (1, 2), 0.0, 255.0)
    shapes = tf.constant([[128, 128]])

    def outputs():
        made = detector.call(images, shapes)
        return made.class_logits, made.box_codes

    compiled = tf.function(outputs, jit_compile=True)()
    for one, other in zip(compiled, outputs(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
