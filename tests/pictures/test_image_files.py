"""Image files: which are found, which are left out, and the pixels that are read."""

import logging
import os

import numpy as np
import pytest
from PIL import Image

from od_api.core.errors import UserError
from od_api.pictures import decoding
from od_api.pictures.image_files import find_images, read_image

# ymin, xmin, ymax, xmax of the bright rectangle in the 40x60 test image, in pixels.
BOX = (5, 10, 25, 50)


def scene(dtype=np.uint8, bright=255):
    """40x60 pixels of 50, and a rectangle of `bright`."""
    pixels = np.full([40, 60, 3], bright // 5, dtype)
    pixels[BOX[0] : BOX[2], BOX[1] : BOX[3]] = bright
    return pixels


def save(path, image=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(scene()) if image is None else image
    image.save(path, **options)
    return path


def rotated(tag):
    """The scene as a camera stores it that notes EXIF orientation `tag`."""
    stored = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}[tag]
    image = Image.fromarray(scene()).transpose(stored)
    exif = image.getexif()
    exif[0x0112] = tag
    return image, {"exif": exif}


def test_images_of_every_kind(tmp_path):
    """All are the same scene: 50 around 255, as [40, 60, 3] uint8."""
    rgb = Image.fromarray(scene())
    rgba = rgb.convert("RGBA")
    rgba.putalpha(Image.new("L", rgba.size, 7))
    deep = Image.fromarray(scene(np.uint16, 65535)[..., 0])
    kinds = {
        "plain.png": (rgb, {}),
        "gray.png": (rgb.convert("L"), {}),
        "alpha.png": (rgba, {}),
        "gray_alpha.png": (rgba.convert("LA"), {}),
        "palette.png": (rgb.convert("P"), {}),
        "deep.png": (deep, {}),
        "cmyk.jpg": (rgb.convert("CMYK"), {"quality": 100}),
        "upside_down.jpg": (rotated(3)[0], {"quality": 100, **rotated(3)[1]}),
        "on_its_side.png": (rotated(6)[0], rotated(6)[1]),
        "a.gif": (rgb.convert("P"), {}),
        "a.webp": (rgb, {"lossless": True}),
        "a.BMP": (rgb, {}),
    }
    for name, (image, options) in kinds.items():
        pixels = read_image(save(tmp_path / name, image, **options))
        assert pixels.dtype == np.uint8 and pixels.shape == (40, 60, 3), name
        # TensorFlow's JPEG transform is a fast one: edges ring.
        limit = 16 if name.endswith("jpg") else 4
        apart = np.abs(pixels.astype(int) - scene())
        assert apart.max() <= limit and apart.mean() < 2, name
    assert len(find_images([tmp_path])) == len(kinds)


def test_finding_images(tmp_path):
    save(tmp_path / "b.png")
    save(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "folder.png").mkdir()
    a, b = tmp_path / "a.png", tmp_path / "b.png"
    assert find_images([b, tmp_path]) == [b, a], "in the order given, each once"
    with pytest.raises(UserError, match="there is no image or folder"):
        find_images([tmp_path / "c.png"])
    with pytest.raises(UserError, match=r"no images \(\.bmp, .*folder\.png"):
        find_images([tmp_path / "folder.png"])


def test_pixels_are_those_of_training(tmp_path):
    """A JPEG of noise, in which decoders differ by some gray levels."""
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    path = save(tmp_path / "a.jpg", Image.fromarray(noise), quality=50)
    np.testing.assert_array_equal(read_image(path), decoding.decode(path.read_bytes()))


@pytest.fixture
def said(caplog):
    """What the log says, as one text."""
    caplog.set_level(logging.WARNING, logger="absl")
    return lambda: "\n".join(record.getMessage() for record in caplog.records)


def test_what_looks_like_an_image_and_is_not_read_is_named(tmp_path, said):
    wanted = [save(tmp_path / "a.jpg"), save(tmp_path / "c.jfif", format="JPEG")]
    wanted.append(save(tmp_path / "no_ending", format="PNG"))
    save(tmp_path / "b.TIF", format="TIFF")
    save(tmp_path / "cats" / "deep" / "d.png")
    save(tmp_path / "cats" / "e.png")
    (tmp_path / "notes.txt").write_text("BM is how a BMP begins")
    (tmp_path / "empty").mkdir()
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    assert find_images([tmp_path]) == wanted
    assert "3 left out: b.TIF, cats/ (2 images), gone.png" in said()
    assert "notes" not in said() and "empty" not in said()


def test_what_begins_with_a_dot_is_no_data(tmp_path, said):
    wanted = save(tmp_path / "a.jpg")
    save(tmp_path / ".ipynb_checkpoints" / "a-checkpoint.jpg")
    save(tmp_path / "._a.jpg")
    assert find_images([tmp_path]) == [wanted]
    assert said() == ""


def test_a_folder_of_other_images_alone_says_so(tmp_path):
    save(tmp_path / "a.tif")
    with pytest.raises(UserError, match=r"no images .*; 1 left out: a\.tif"):
        find_images([tmp_path])


def test_names_cannot_command_a_terminal(tmp_path, said):
    save(tmp_path / "a.png")
    save(tmp_path / "\x1b]0;title\x07.tif", format="TIFF")
    find_images([tmp_path])
    assert "\\x1b]0;title\\x07.tif" in said() and "\x1b" not in said()


def test_what_is_no_file_is_refused(tmp_path):
    pipe = tmp_path / "a.png"
    os.mkfifo(pipe)
    with pytest.raises(UserError, match="it is a named pipe"):
        read_image(find_images([pipe])[0])
    with pytest.raises(UserError, match="there is no image"):
        find_images(["a\0.png"])
    with pytest.raises(UserError, match=r"^\S*b\.png: is an empty file"):
        (tmp_path / "b.png").touch()
        read_image(tmp_path / "b.png")
