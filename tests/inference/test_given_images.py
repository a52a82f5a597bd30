"""What counts as an image, and which pixels it has."""

import numpy as np
import pytest
from bright_rectangle import scene
from PIL import Image

from od_api.core.errors import UserError
from od_api.inference.given_images import each_image, is_one


def pixels(images, **options):
    return [image.pixels for image in each_image(images, **options)]


def save(path, image=None, **options):
    (image or Image.fromarray(scene())).save(path, **options)
    return path


def test_forms_of_one_image(tmp_path):
    """A path (both types), bytes, an array and a PIL image hold the same pixels."""
    path = save(tmp_path / "a.png")
    forms = [path, str(path), path.read_bytes(), scene(), Image.fromarray(scene())]
    for form in forms:
        assert is_one(form)
        (found,) = pixels(form)
        np.testing.assert_array_equal(found, scene())
        assert found.dtype == np.uint8
    assert [len(pixels([form, form])) for form in forms] == [2] * 5


def test_several(tmp_path):
    """A batch, a list with a batch in it, a generator, a folder, which is sorted."""
    save(tmp_path / "b.png")
    save(tmp_path / "a.png", Image.new("RGB", (3, 2), "red"))
    batch = np.stack([scene(), scene()])
    assert not any(map(is_one, (batch, [scene()], tmp_path)))
    assert len(pixels(batch)) == 2 and pixels(batch[:0]) == []
    assert len(pixels([batch, scene()])) == 3
    assert len(pixels(iter([scene()]))) == 1
    assert [p.shape for p in pixels(tmp_path)] == [(2, 3, 3), (40, 60, 3)]
    assert [p.shape for p in pixels([tmp_path])] == [(2, 3, 3), (40, 60, 3)]
    names = [image.name for image in each_image([scene(), tmp_path / "a.png"])]
    assert names == ["images[0]", str(tmp_path / "a.png")]


def test_gray_and_transparent_arrays():
    """One channel is repeated; a fourth is dropped."""
    gray = scene()[..., 0]
    for image in (gray, gray[..., None]):
        np.testing.assert_array_equal(pixels(image)[0], scene())
    four = np.concatenate([scene(), gray[..., None] // 2], axis=-1)
    np.testing.assert_array_equal(pixels(four)[0], scene())


@pytest.mark.parametrize("mode", ["L", "RGBA", "LA", "P", "1", "I;16"])
def test_pil_images_are_as_their_files(tmp_path, mode):
    """Of every mode: what TensorFlow decodes from the PNG, transparency dropped."""
    image = Image.fromarray(scene()).convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    if "A" in mode:
        image.putalpha(60)
    path = save(tmp_path / "a.png", image)
    (from_file,), (from_pil,) = pixels(path), pixels(image)
    np.testing.assert_array_equal(from_pil, from_file)
    assert from_file.shape == (40, 60, 3) and np.ptp(from_file) > 100


def test_pil_images_are_turned_upright(tmp_path):
    image = Image.fromarray(scene()).transpose(Image.Transpose.ROTATE_90)
    exif = image.getexif()
    exif[0x0112] = 6
    path = save(tmp_path / "a.png", image, exif=exif)
    with Image.open(path) as stored:
        assert stored.size == (40, 60)
        np.testing.assert_array_equal(pixels(stored)[0], scene())
    np.testing.assert_array_equal(pixels(path)[0], scene())


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (scene() / 255.0, r"the image is an array of float64.*astype\('uint8'\)"),
        ([scene(), scene().astype(int)], r"images\[1\] is an array of int64"),
        (np.zeros([4, 6, 2], np.uint8), r"of shape \(4, 6, 2\): it must be \[height"),
        (np.zeros([0, 6, 3], np.uint8), r"of shape \(0, 6, 3\)"),
        (np.zeros([3, 40, 60], np.uint8), r"of shape \(3, 40, 60\)"),
        (np.zeros([1, 2, 4, 6, 3], np.uint8), r"of shape \(1, 2, 4, 6, 3\)"),
        (np.uint8(3), r"of shape \(\)"),
        (Image.new("F", (4, 4)), "mode F"),
        (Image.new("I", (4, 4)), "mode I"),
        (b"no image", "the image: is not an image"),
        ([b""], r"images\[0\]: is an empty file"),
        (7, "images is a int: an image is a path"),
        ([None], "images is a NoneType"),
        ({"a": scene()}, "images is a dict"),
        ([[scene()]], r"images\[0\] is a list: an image is"),
        ("nowhere.jpg", "nowhere.jpg"),
        ("a\0b", "a"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else type(value).__name__,
)
def test_what_is_no_image(images, words):
    with pytest.raises(UserError, match=words):
        pixels(images)


def test_large_ones_are_refused_before_they_are_decoded(tmp_path):
    """60x40 are 2400 pixels."""
    path = save(tmp_path / "a.png")
    for image in (path, path.read_bytes(), Image.open(path)):
        with pytest.raises(UserError, match="60x40 are"):
            pixels(image, max_pixels=2399)
        assert len(pixels(image, max_pixels=2400)) == 1


def test_a_damaged_file_behind_a_pil_image(tmp_path):
    path = save(tmp_path / "a.jpg")
    path.write_bytes(path.read_bytes()[:-300])
    with (
        Image.open(path) as image,
        pytest.raises(UserError, match=r"images\[0\] cannot be decoded"),
    ):
        pixels([image])
