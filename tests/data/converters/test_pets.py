"""Oxford's pets: heads from XML, whole animals from trimaps."""

import io

import numpy as np
import pytest
from data_set_kit import boxes, picture, read
from PIL import Image

from od_api.cli import main
from od_api.core.errors import UserError
from od_api.data.converters.pets import convert_pets
from od_api.data.label_map import LabelMap

XML = (
    "<annotation><object><name>cat</name><truncated>1</truncated><difficult>0"
    "</difficult><bndbox><xmin>10</xmin><ymin>5</ymin><xmax>30</xmax><ymax>15</ymax>"
    "</bndbox></object></annotation>"
)


@pytest.fixture
def folder(tmp_path):
    notes = tmp_path / "annotations"
    for place in (tmp_path / "images", notes / "xmls", notes / "trimaps"):
        place.mkdir(parents=True)
    (notes / "trainval.txt").write_text("# breeds\npug_1 2 2 1\nGreat_Cat_12 1 1 1\n")
    (notes / "xmls" / "Great_Cat_12.xml").write_text(XML)
    trimap = np.full([20, 40], 2, np.uint8)
    trimap[4:10, 8:20], trimap[5:9, 9:19] = 3, 1
    for name in ("pug_1", "Great_Cat_12"):
        (tmp_path / "images" / f"{name}.jpg").write_bytes(picture(40, 20))
        Image.fromarray(trimap).save(notes / "trimaps" / f"{name}.png")
    return tmp_path


def test_heads(folder, capsys):
    status = main(
        [
            *("data", "convert", "--from", "pets", "--images", f"{folder}/images"),
            *("--annotations", f"{folder}/annotations", "--output", f"{folder}/x"),
        ]
    )
    assert status == 0
    (record,) = read(folder / "x")
    assert boxes(record).tolist() == [[0.25, 0.25, 0.75, 0.75]]
    assert record["image/object/class/text"] == [b"Great_Cat"]
    assert record["image/object/truncated"] == [1]
    assert record["image/source_id"] == [b"Great_Cat_12.jpg"]
    assert LabelMap.load(folder / "label_map.pbtxt").names == ["Great_Cat", "pug"]
    assert "trainval.txt:2 (pug_1)" in capsys.readouterr().out


def test_whole_animals_have_masks(folder):
    convert_pets(
        folder / "annotations",
        folder / "images",
        folder / "x",
        include_masks=True,
        progress=False,
    )
    first, second = read(folder / "x")
    np.testing.assert_allclose(boxes(first), [[0.2, 0.2, 0.5, 0.5]], atol=1e-7)
    assert first["image/object/class/text"] == [b"pug"]
    assert first["image/object/area"] == [72.0]
    mask = np.asarray(Image.open(io.BytesIO(second["image/object/mask"][0])))
    assert mask.sum() == 72 and mask[4, 8] == 1 and mask[3, 8] == 0


def test_wrong_files_are_named(folder):
    places = folder / "annotations", folder / "images", folder / "x"
    (folder / "annotations" / "trainval.txt").write_text("Tom 1 1 1\n")
    with pytest.raises(UserError, match=r"trainval\.txt:1: Tom has no breed"):
        convert_pets(*places, progress=False)
    (folder / "annotations" / "trainval.txt").write_text("pug_2 1 1 1\n")
    (folder / "images" / "pug_2.jpg").write_bytes(picture(40, 20))
    with pytest.raises(UserError, match=r"pug_2\.png"):
        convert_pets(*places, include_masks=True, progress=False)
