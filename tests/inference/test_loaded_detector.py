"""Calling a detector: one image or several, thresholds, classes, batches, tiles."""

import numpy as np
import pytest
from bright_rectangle import BOX, save_model, scene
from PIL import Image

import od_api
from od_api.core.errors import UserError


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    masks = np.ones([1, 4, 15, 15], np.float32)
    folder = tmp_path_factory.mktemp("model") / "saved_model"
    save_model(folder, masks=masks)
    return od_api.load(folder)


def test_one_image_gives_one_and_several_a_list(detector, tmp_path):
    """The rectangle spans rows 5..25 and columns 10..50; 0.3 is below 0.5."""
    path = tmp_path / "a.png"
    Image.fromarray(scene()).save(path)
    found = detector(path)
    assert isinstance(found, od_api.Detections)
    np.testing.assert_allclose(found.boxes, [BOX, np.array(BOX) / 2], atol=1e-4)
    assert found.names.tolist() == ["dog", "cat"] and found.classes.tolist() == [2, 1]
    assert found.path == path and found._pixels is None
    np.testing.assert_array_equal(found.image, scene())
    assert found.masks.shape == (2, 40, 60)
    for several in ([path], tmp_path, [scene()], scene()[None]):
        found = detector(several)
        assert isinstance(found, list) and len(found) == 1 and len(found[0]) == 2
    assert detector([]) == []


def test_thresholds_and_classes(detector):
    assert len(detector(scene(), threshold=0.0)) == 3
    assert len(detector(scene(), threshold=0.95)) == 0
    for classes in (["cat"], [1], "cat", 1):
        assert detector(scene(), classes=classes).names.tolist() == ["cat"]
    assert len(detector(scene(), classes=["cat", 2])) == 2
    assert len(detector(scene(), classes=[])) == 0
    assert detector.names == {1: "cat", 2: "dog"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"threshold": 1.5}, r"within 0\.\.1"),
        ({"threshold": float("nan")}, r"within 0\.\.1"),
        ({"batch_size": 0}, "at least 1"),
        ({"classes": ["Cat"]}, r"no class 'Cat'; did you mean 'cat'\?.*1 cat, 2 dog"),
        ({"classes": [3]}, "no class 3"),
    ],
)
def test_arguments_that_cannot_be(detector, options, words):
    with pytest.raises(UserError, match=words):
        detector.stream(scene(), **options)


def test_neighbours_of_one_size_go_together(detector, monkeypatch):
    """Sizes a a b a a a, two at once: a a, b, a a, a; the results are the same."""
    sizes = []
    find = detector._find
    monkeypatch.setattr(
        detector, "_find", lambda images: sizes.append(images.shape[:3]) or find(images)
    )
    small = scene()[:, :50]
    images = [scene(), scene(), small, *[scene()] * 3]
    together = detector(images, batch_size=2)
    a, b = (40, 60), (40, 50)
    assert sizes == [(2, *a), (1, *b), (2, *a), (1, *a)]
    for one, other in zip(together, detector(images), strict=True):
        np.testing.assert_allclose(one.boxes, other.boxes, atol=1e-4)
        assert one.to_coco() == other.to_coco()
    assert (together[2].height, together[2].width) == b


def test_a_stream_reads_as_it_goes(detector):
    def images():
        yield scene()
        raise AssertionError("read too early")

    assert len(next(detector.stream(images()))) == 2


def test_errors_name_the_image(detector, tmp_path):
    with pytest.raises(UserError, match=r"images\[1\] is an array of float64"):
        detector([scene(), scene() / 2])
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"a\.png: is not an image"):
        detector(tmp_path / "a.png")


def test_tiles(detector, tmp_path):
    """Tiles of the image's size find what the whole image has."""
    tiled = od_api.load(detector.path, tiles="40x60")
    np.testing.assert_array_equal(tiled(scene()).boxes, detector(scene()).boxes)
    with pytest.raises(UserError, match="--tiles is 'x'"):
        od_api.load(detector.path, tiles="x")
