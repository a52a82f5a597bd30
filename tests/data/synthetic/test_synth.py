"""Synthetic scenes: exact ground truth, the promised spread, the same bytes again."""

import errno
import json

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from od_api.core.errors import UserError
from od_api.data.label_map import LabelMap
from od_api.data.synthetic import drawn_shapes, synth
from od_api.data.synthetic import scenes as scenes_module


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    synth.generate(folder, num_images=40, seed=3)
    return folder, COCO(str(folder / "annotations.json"))


def _bytes(folder):
    return {p.name: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_files_are_jpeg_coco_json_and_a_label_map(scenes):
    folder, coco = scenes
    assert len(coco.imgs) == 40 == len(list((folder / "images").iterdir()))
    for image in coco.imgs.values():
        with Image.open(folder / "images" / image["file_name"]) as picture:
            assert picture.format == "JPEG" and picture.mode == "RGB"
            assert picture.size == (image["width"], image["height"]) == (320, 320)
    assert sorted(coco.anns) == list(range(1, len(coco.anns) + 1))
    assert sorted(coco.imgs) == list(range(1, 41))
    label_map = LabelMap.load(folder / "label_map.pbtxt")
    assert label_map.names == list(scenes_module.CLASS_NAMES)
    assert {c["id"]: c["name"] for c in coco.cats.values()} == dict(
        zip(label_map.ids, label_map.names, strict=True)
    )


def test_boxes_are_tight_around_the_visible_pixels(scenes):
    _, coco = scenes
    taken = {}
    for annotation in coco.anns.values():
        mask = coco.annToMask(annotation).astype(bool)
        x, y, width, height = annotation["bbox"]
        assert (
            annotation["area"]
            == mask.sum()
            == mask[y : y + height, x : x + width].sum()
        )
        inside = mask[y : y + height, x : x + width]
        assert inside[0].any() and inside[-1].any()
        assert inside[:, 0].any() and inside[:, -1].any()
        seen = taken.setdefault(annotation["image_id"], np.zeros_like(mask))
        assert not (seen & mask).any(), "a pixel shows one object only"
        seen |= mask


def test_every_class_and_every_size_is_there(scenes):
    _, coco = scenes
    areas = np.array([a["area"] for a in coco.anns.values()])
    shares = [
        (areas < 32**2).mean(),
        ((areas >= 32**2) & (areas < 96**2)).mean(),
        (areas >= 96**2).mean(),
    ]
    assert min(shares) > 0.1
    classes = np.bincount([a["category_id"] for a in coco.anns.values()], minlength=6)
    assert classes[0] == 0 and classes[1:].min() > len(areas) / 15
    counts = np.bincount([a["image_id"] for a in coco.anns.values()])[1:]
    assert counts.min() >= 1 and counts.max() <= 8 and len(set(counts)) > 4


@pytest.mark.parametrize("name", scenes_module.DIFFICULTIES)
def test_no_object_is_hidden_more_than_allowed(name):
    options = scenes_module.DIFFICULTIES[name]
    assert options.max_hidden <= 0.6
    hidden = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        _, objects = scenes_module.make_scene(rng, (160, 200), options)
        hidden += [1 - thing.mask.sum() / thing.full_area for thing in objects]
    assert max(hidden) <= options.max_hidden
    assert max(hidden) > 0, "there is occlusion"


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    settings = {"image_size": (64, 96), "seed": 5}
    for name, count in (("a", 4), ("b", 4), ("longer", 6)):
        synth.generate(tmp_path / name, num_images=count, **settings)
    assert _bytes(tmp_path / "a") == _bytes(tmp_path / "b")
    longer = _bytes(tmp_path / "longer")
    for name, content in _bytes(tmp_path / "a" / "images").items():
        assert longer[name] == content


def test_seeds_splits_and_difficulties_give_different_scenes(tmp_path):
    settings = {"num_images": 1, "image_size": (64, 64)}
    synth.generate(tmp_path / "a", seed=5, **settings)
    synth.generate(tmp_path / "b", seed=6, **settings)
    synth.generate(tmp_path / "c", seed=5, split="val", **settings)
    synth.generate(tmp_path / "d", seed=5, difficulty="hard", **settings)
    pictures = {next((tmp_path / n / "images").iterdir()).read_bytes() for n in "abcd"}
    assert len(pictures) == 4


def test_image_size_is_height_then_width(tmp_path):
    coco = synth.generate(tmp_path, num_images=1, image_size=(64, 96), seed=0)
    assert (coco["images"][0]["height"], coco["images"][0]["width"]) == (64, 96)
    with Image.open(tmp_path / "images" / "train_000000.jpg") as picture:
        assert picture.size == (96, 64)
    assert json.loads((tmp_path / "annotations.json").read_text()) == coco


def test_progress_is_told(tmp_path):
    calls = []
    synth.generate(
        tmp_path,
        num_images=3,
        image_size=(48, 48),
        seed=0,
        on_image=lambda: calls.append(1),
    )
    assert len(calls) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_images": 0}, "num_images is 0"),
        ({"image_size": (320, 40)}, "at least 48"),
        ({"seed": -1}, "non-negative"),
        ({"difficulty": "nasty"}, "easy, normal, hard"),
    ],
)
def test_bad_arguments_name_the_cure(tmp_path, arguments, message):
    with pytest.raises(UserError, match=message):
        synth.generate(tmp_path, **{"num_images": 1, "seed": 0, **arguments})


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(synth, "_jpeg", full)
    with pytest.raises(UserError, match=r"cannot write .*/x: No space left"):
        synth.generate_records(tmp_path / "x", num_images=1, seed=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", drawn_shapes.OUTLINES)
@pytest.mark.parametrize("stretch", [1.0, 1.4])
def test_shapes_have_the_area_that_was_asked_for(name, stretch):
    corners = drawn_shapes.outline(name, area=2000.0, angle=0.7, stretch=stretch)
    assert drawn_shapes.polygon_area(corners) == pytest.approx(2000)
    assert drawn_shapes.rasterise(corners).sum() == pytest.approx(2000, rel=0.06)


def test_polygon_area_by_hand():
    """A right triangle with legs 4 and 3: 4 * 3 / 2 = 6."""
    assert drawn_shapes.polygon_area(np.array([[0, 0], [4, 0], [0, 3]])) == 6


def test_a_drawn_circle_is_a_disc():
    """Pixel centres within the radius are covered, those outside are not."""
    corners = drawn_shapes.outline("circle", area=np.pi * 20**2, angle=0.0, stretch=1.0)
    coverage = drawn_shapes.rasterise(corners)
    centres = np.arange(len(coverage)) - len(coverage) / 2 + 0.5
    distance = np.hypot(centres[:, None], centres)
    assert (coverage[distance < 18.5] == 1).all()
    assert (coverage[distance > 21.5] == 0).all()
