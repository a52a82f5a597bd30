"""The names and places of Keras' files are those that Keras itself asks for."""

import keras
import pytest

from od_api.core.errors import UserError
from od_api.init.imagenet_files import imagenet_file
from od_api.protos import backbone_pb2


def backbone(name, **settings):
    message = backbone_pb2.Backbone()
    part = getattr(message, name)
    part.SetInParent()
    for field, value in settings.items():
        setattr(part, field, value)
    return message


class _Asked(Exception):
    """Instead of a download."""


@pytest.mark.parametrize(
    ("message", "make", "settings"),
    [
        (backbone("mobilenet_v1", depth_multiplier=0.75), "MobileNet", {"alpha": 0.75}),
        (backbone("mobilenet_v2"), "MobileNetV2", {}),
        (backbone("vgg16"), "VGG16", {}),
    ],
)
def test_files_are_those_of_keras(message, make, settings, monkeypatch):
    asked = []

    def get_file(name, url, **_):
        asked.append((name, url))
        raise _Asked

    monkeypatch.setattr(
        keras.src.applications.mobilenet.file_utils, "get_file", get_file
    )
    with pytest.raises(_Asked):
        getattr(keras.applications, make)(
            input_shape=(224, 224, 3), include_top=False, weights="imagenet", **settings
        )
    file = imagenet_file(message)
    assert asked == [(file.name, file.url)]


def test_files_of_larger_networks_are_those_of_keras():
    """Without building them, which takes long."""
    applications = keras.src.applications
    file = imagenet_file(backbone("inception_v3"))
    assert file.url == applications.inception_v3.WEIGHTS_PATH_NO_TOP
    for depth in (50, 101, 152):
        file = imagenet_file(backbone("resnet", depth=depth))
        assert file.url == applications.resnet.BASE_WEIGHTS_PATH + file.name
        assert file.name.startswith(f"resnet{depth}_")
    file = imagenet_file(backbone("inception_resnet_v2"))
    assert file.url == applications.inception_resnet_v2.BASE_WEIGHT_URL + file.name


def test_what_keras_does_not_publish_has_no_file():
    assert imagenet_file(backbone("inception_v2")) is None
    assert imagenet_file(backbone("mobilenet_v1", depth_multiplier=0.6)) is None
    assert imagenet_file(backbone("mobilenet_v2", depth_multiplier=0.6)) is None


def test_keras_own_copy_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    file = imagenet_file(backbone("vgg16"))
    assert file.cached() is None
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / file.name).write_bytes(b"weights")
    assert file.cached() == tmp_path / "models" / file.name


def test_a_download_that_fails_names_the_ways_around(monkeypatch):
    def fail(*_, **__):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.utils, "get_file", fail)
    with pytest.raises(UserError, match=r"--weights FILE, or .* --weights none"):
        imagenet_file(backbone("vgg16")).fetched()
