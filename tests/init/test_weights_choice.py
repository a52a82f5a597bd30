"""Which weights fit which detector, and what is said of others."""

import keras
import pytest

from od_api.core.errors import UserError
from od_api.init import weights_choice
from od_api.init.detector_choices import chosen
from od_api.init.weights_choice import Weights, chosen_weights, kept_weights

V1, V2 = "ssd_mobilenet_v1_300", "ssd_mobilenet_v2_fpnlite_320"
FILES = "weights_imagenet/{}"


def test_none_are_random():
    found = chosen_weights("none", chosen(V1))
    assert (found.path, found.kind) == ("", "")
    assert "random weights" in found.note


def test_a_file_tells_its_depth_multiplier(data_dir):
    file = str(data_dir / FILES.format("mobilenet_7_5_224_tf_no_top.h5"))
    found = chosen_weights(file, chosen(V1))
    assert found.depth_multiplier == 0.75
    assert (found.path, found.kind) == (file, "classification")


def test_a_file_of_another_network_names_the_detectors_that_it_fits(data_dir):
    file = str(data_dir / FILES.format("mobilenet_v2_1.0_224_dequant_qat_no_top.h5"))
    assert chosen_weights(file, chosen(V2)).depth_multiplier == 1.0
    with pytest.raises(UserError, match=f"weights of mobilenet_v2, .*{V2}"):
        chosen_weights(file, chosen(V1))


def test_networks_of_one_family_are_told_apart(tmp_path):
    """A ResNet-101 is one with a 23rd block in conv4."""
    image = keras.Input([8, 8, 3])
    layers = ("conv2_block1_1_conv", "conv4_block23_1_conv")
    output = image
    for name in layers:
        output = keras.layers.Conv2D(4, 1, name=name)(output)
    keras.Model(image, output).save_weights(tmp_path / "x.weights.h5")
    _write_old_form(tmp_path / "a.h5", layers)
    with pytest.raises(UserError, match="weights of resnet101, and ssd_resnet50"):
        chosen_weights(str(tmp_path / "a.h5"), chosen("ssd_resnet50_v1_fpn_640"))
    assert chosen_weights(str(tmp_path / "a.h5"), chosen("ssd_resnet101_v1_fpn_640"))
    # Keras 3 does not name layers: the trial step tells whether it fits.
    assert chosen_weights(str(tmp_path / "x.weights.h5"), chosen(V1)).path


def _write_old_form(path, names):
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = list(names)
        for name in names:
            file.create_group(name)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"--weights: .*gone"):
        chosen_weights(str(tmp_path / "gone.h5"), chosen(V1))


def test_imagenet_is_keras_copy_or_a_download_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    said = []

    def fetched(file):
        assert said, "it was not said before"
        return tmp_path / file.name

    monkeypatch.setattr(
        weights_choice.imagenet_file.__globals__["ImagenetFile"], "fetched", fetched
    )
    found = chosen_weights("imagenet", chosen(V2), said.append)
    assert found.path.endswith("_1.0_224_no_top.h5")
    assert "downloading ImageNet weights, about 9 MB, from https://" in said[0]
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / found.path.split("/")[-1]).write_bytes(b"x")
    del said[:]
    again = chosen_weights("imagenet", chosen(V2), said.append)
    assert (again.kind, said) == ("classification", [])


def test_a_network_without_imagenet_weights_says_what_to_do():
    with pytest.raises(UserError, match=r"--weights FILE, .*--weights none"):
        chosen_weights("imagenet", chosen("ssd_inception_v2_300"))


def test_a_file_goes_with_the_folder_and_a_checkpoint_stays(tmp_path):
    file, folder = tmp_path / "w.h5", tmp_path / "out"
    file.write_bytes(b"weights")
    folder.mkdir()
    kept = kept_weights(Weights(str(file), "classification"), folder)
    assert (kept.path, kept.kind) == ("weights/w.h5", "classification")
    assert (folder / kept.path).read_bytes() == b"weights"
    assert kept.within(folder).path == str(folder / "weights/w.h5")
    for other in (Weights(), Weights(str(tmp_path / "ckpt-1"), "detection")):
        assert kept_weights(other, folder) == other
        assert other.within(folder) == other
