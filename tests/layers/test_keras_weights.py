"""Weights from files, by the names or the order of layers."""

import keras
import numpy as np
import pytest

from od_api.core.errors import ConfigError, UserError
from od_api.layers import keras_weights


def network(depth=4, names=("first", "second"), top=False):
    """Two convolutions, with a classifier if asked for; weights are random."""
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(depth, 3, name=names[0])(image)
    x = keras.layers.ReLU(name="relu")(x)
    x = keras.layers.Conv2D(5, 1, use_bias=False, name=names[1])(x)
    if top:
        x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
        x = keras.layers.Dense(10, name="predictions")(x)
    return keras.Model(image, x)


def assert_weights(made, expected, count=3):
    ours, theirs = made.get_weights(), expected.get_weights()
    for one, other in zip(ours[:count], theirs[:count], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["donor.h5", "donor.weights.h5"])
def test_a_saved_file_comes_back(tmp_path, name):
    donor, made = network(), network()
    donor.save_weights(tmp_path / name) if "weights" in name else donor.save(
        tmp_path / name
    )
    keras_weights.load_file(made, tmp_path / name)
    assert_weights(made, donor)


def test_a_classifier_in_the_file_is_no_matter(tmp_path):
    donor, made = network(top=True), network()
    donor.save(tmp_path / "donor.h5")
    keras_weights.load_file(made, tmp_path / "donor.h5")
    assert_weights(made, donor)


def test_order_in_place_of_names(tmp_path):
    donor = network(names=("conv2d_7", "conv2d_8"), top=True)
    donor.save(tmp_path / "donor.h5")
    made = network()
    with pytest.raises(UserError, match=r"no weights for first, second: they are"):
        keras_weights.load_file(made, tmp_path / "donor.h5")
    keras_weights.load_file(made, tmp_path / "donor.h5", in_order=True)
    assert_weights(made, donor)
    again = network()
    keras_weights.copy_weights(again, donor, in_order=True)
    assert_weights(again, donor)


def test_optional_layers_may_stay_random():
    """Of another depth, or missing: they keep what they have, the rest is set."""
    donor, made = network(depth=6), network(depth=4)
    before = made.get_weights()
    with pytest.raises(UserError, match=r"layer first has shapes .*depth_multiplier"):
        keras_weights.copy_weights(made, donor)
    assert_same_arrays(made.get_weights(), before)
    keras_weights.copy_weights(made, network(depth=4), optional=("first",))
    other = network(names=("first", "other"))
    kept = made.get_layer("second").get_weights()
    keras_weights.copy_weights(made, other, optional=("second",))
    assert_same_arrays(made.get_layer("first").get_weights(), other.get_weights()[:2])
    assert_same_arrays(made.get_layer("second").get_weights(), kept)


def assert_same_arrays(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_nothing_is_set_where_one_layer_does_not_fit():
    made = network()
    before = made.get_weights()
    arrays = {"first": [np.ones((3, 3, 3, 4)), np.ones(4)], "second": [np.ones(1)]}
    with pytest.raises(UserError, match=r"a\.h5 does not fit: layer second"):
        keras_weights.assign(made, arrays, "a.h5")
    assert_same_arrays(made.get_weights(), before)


def test_many_missing_layers_are_counted():
    image = keras.Input((1,))
    layers = [keras.layers.Dense(1, name=f"layer{i}") for i in range(6)]
    made = keras.Model(image, [layer(image) for layer in layers])
    with pytest.raises(UserError, match="layer0, layer1, layer2, layer3 and 2 more"):
        keras_weights.assign(made, {}, "a.h5")


def test_files_that_are_none(tmp_path):
    made = network()
    with pytest.raises(UserError, match="no such file of weights"):
        keras_weights.load_file(made, tmp_path / "absent.h5")
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(UserError, match="not an HDF5 file of Keras weights"):
        keras_weights.load_file(made, tmp_path / "text.h5")
    (tmp_path / "text.weights.h5").write_text("no HDF5")
    with pytest.raises(UserError, match="does not fit this network"):
        keras_weights.load_file(made, tmp_path / "text.weights.h5")


def test_what_the_field_asks_for(tmp_path):
    """Nothing, the donor, a file; errors are the config's, at `weights`."""
    made, donor = network(), network()
    before = made.get_weights()
    keras_weights.load_initial(made, "", lambda: donor)
    assert_same_arrays(made.get_weights(), before)
    keras_weights.load_initial(made, "imagenet", lambda: donor)
    assert_weights(made, donor)
    other = network()
    other.save(tmp_path / "other.h5")
    keras_weights.load_initial(made, str(tmp_path / "other.h5"), lambda: donor)
    assert_weights(made, other)

    def no_donor():
        raise ValueError("none published.")

    with pytest.raises(ConfigError, match="no ImageNet weights for this network: none"):
        keras_weights.load_initial(made, "imagenet", no_donor)
