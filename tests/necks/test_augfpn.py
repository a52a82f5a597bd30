"""AugFPN's pyramid: counts, sizes of bins, values against NumPy, gradients."""

import neck_kit as kit
import numpy as np
import pytest
import tensorflow as tf
from numpy_maps import convolved, doubled

from od_api.core.errors import ConfigError
from od_api.necks.augfpn import share


def test_parameters_over_resnet_50():
    """Those of top_down_fpn, 3,344,384; 1x1 of C5 for each of three ratios; 768 to 256
    channels; and 3x3 to 3."""
    neck = kit.built("augfpn {}", kit.RESNET)
    more = 3 * (2048 * 256 + 256) + (768 * 256 + 256) + (9 * 256 * 3 + 3)
    assert kit.trained(neck) == 3_344_384 + more == 5_121_795
    assert list(neck.auxiliary.strides) == ["M2", "M3", "M4", "M5"]


def test_bins_of_a_map():
    """25 x 34 cells: 2 x 3, 5 x 6 and 7 x 10 (T81); and float32's .7 of 10."""
    sizes = [(share(25, r), share(34, r)) for r in (0.1, 0.2, 0.3)]
    assert sizes == [(2, 3), (5, 6), (7, 10)]
    assert share(3, 0.1) == 1 and share(10, float(np.float32(0.7))) == 7
    for ratio in (0.1, 0.2, 0.3, float(np.float32(0.7))):
        for size in (1, 10, 25, 34):
            assert int(share(tf.constant(size), ratio)) == share(size, ratio)


def test_weights_of_zero_logits_are_a_half():
    """Contexts of constant 1, 2 and 3: half of their sum."""
    neck = kit.built("augfpn { depth: 2 }")
    for i, conv in enumerate(neck._reduce, start=1):
        conv.kernel.assign(tf.zeros_like(conv.kernel))
        conv.bias.assign([float(i)] * 2)
    neck._weigh.kernel.assign(tf.zeros_like(neck._weigh.kernel))
    np.testing.assert_allclose(neck.context(tf.ones([1, 4, 7, 5])), 3.0, rtol=1e-6)


def _bin_means(x, rows, columns):
    def edges(size, n):
        return [(i * size // n, -(-(i + 1) * size // n)) for i in range(n)]

    made = [
        [x[a:b, c:d].mean(axis=(0, 1)) for c, d in edges(x.shape[1], columns)]
        for a, b in edges(x.shape[0], rows)
    ]
    return np.array(made)


def _enlarged(x, rows, columns):
    """np.interp along both axes, from corner to corner."""

    def along(x, count):
        places = np.linspace(0, len(x) - 1, count)
        flat = x.reshape(len(x), -1)
        made = [np.interp(places, np.arange(len(x)), column) for column in flat.T]
        return np.stack(made, axis=1).reshape(count, *x.shape[1:])

    return along(along(x, rows).swapaxes(0, 1), columns).swapaxes(0, 1)


def test_against_numpy():
    """5 x 5 cells of C5 and ratios .4 and 1: bins of 2 x 2 and 5 x 5."""
    text = "augfpn { min_level: 4 max_level: 6 depth: 3 ratios: [0.4, 1.0] }"
    neck = kit.with_random_weights(kit.built(text))
    given = kit.features(160)
    own, top = kit.laterals(neck, given), given["C5"][0]
    contexts = [
        _enlarged(convolved(_bin_means(top, n, n), conv), 5, 5)
        for n, conv in zip((2, 5), neck._reduce, strict=True)
    ]
    mix = np.maximum(convolved(np.concatenate(contexts, axis=-1), neck._mix), 0)
    weights = 1 / (1 + np.exp(-convolved(mix, neck._weigh)))
    m5 = own["P5"] + sum(x * weights[..., i, None] for i, x in enumerate(contexts))
    m4 = own["P4"] + doubled(m5, own["P4"])
    expected = {
        n: convolved(x, neck._smooth[n]) for n, x in {"P4": m4, "P5": m5}.items()
    }
    expected["P6"] = expected["P5"][::2, ::2]
    kit.check_maps(neck(given), expected)
    raw = neck(given, auxiliary=True)["M5"]
    np.testing.assert_allclose(raw[0], own["P5"], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("size", [75, 5])
def test_odd_sizes_and_gradients(size):
    kit.check_gradients(kit.built("augfpn { depth: 2 }"), size=size)


def test_in_faster_rcnn():
    kit.in_faster_rcnn("augfpn { max_level: 5 depth: 8 }", (2, 5))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ratios: [0.1, 0]", "ratios"),
        ("ratios: 1.5", "ratios"),
        ("depth: 0", "depth"),
        ("conv_hyperparams { batch_norm {} }", "neither"),
    ],
)
def test_mistakes(text, words):
    with pytest.raises((ConfigError, ValueError), match=words):
        kit.built(f"augfpn {{ {text} }}")
