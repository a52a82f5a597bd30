"""Pascal VOC XML to TFRecords: hand-made files, then blood cells."""

import data_set_kit as kit
import numpy as np
import pytest
from PIL import Image

from od_api.core.errors import UserError
from od_api.data.converters.voc import convert_pascal_voc, voc_folders, voc_layout
from od_api.data.label_map import LabelMap

_OBJECT = """<object><name>{name}</name><difficult>{difficult}</difficult>
<bndbox><xmin>{0}</xmin><ymin>{1}</ymin><xmax>{2}</xmax><ymax>{3}</ymax></bndbox>
</object>"""


def _object(*edges, name="dog", difficult=0):
    return _OBJECT.format(*edges, name=name, difficult=difficult)


def _xml(*objects, filename="a.jpg", width=200, height=100):
    objects = objects or [_object(0, 0, 9, 9)]
    return (
        f"<annotation>\n<filename>{filename}</filename>\n<size><width>{width}</width>"
        f"<height>{height}</height><depth>3</depth></size>\n"
        + "\n".join(objects)
        + "\n</annotation>"
    )


@pytest.fixture
def convert(tmp_path):
    """Writes {name: xml} beside an image a.jpg, converts: (summary, records)."""
    (tmp_path / "a.jpg").write_bytes(kit.picture(200, 100))

    def run(files, **settings):
        for name, text in files.items():
            (tmp_path / f"{name}.xml").write_text(text)
        prefix = tmp_path / "voc"
        settings = {"label_map_out": tmp_path / "map", "progress": False, **settings}
        summary = convert_pascal_voc(tmp_path, tmp_path, prefix, **settings)
        return summary, kit.read(prefix)

    return run


def test_one_image_by_hand(convert, tmp_path):
    """Edges as they are: 20 / 200 = .1, 10 / 100 = .1, 60 / 200 = .3, 40 / 100 = .4."""
    xml = _xml(
        _object(20, 10, 60, 40), _object(0, 0, 200, 100, name="cat", difficult=1)
    )
    summary, (record,) = convert({"a": xml})
    np.testing.assert_allclose(
        kit.boxes(record), [[0.1, 0.1, 0.4, 0.3], [0, 0, 1, 1]], rtol=1e-6
    )
    assert record["image/object/class/text"] == [b"dog", b"cat"]
    assert record["image/object/class/label"] == [2, 1]
    assert record["image/object/difficult"] == [0, 1]
    assert record["image/source_id"] == [b"a.jpg"]
    assert LabelMap.load(tmp_path / "map").names == ["cat", "dog"]
    assert summary["per_class"] == {"cat": 1, "dog": 1}


def test_one_based_pixels(convert):
    """1, 1, 200, 100 is the whole image, and 5, 5, 5, 5 is one pixel."""
    xml = _xml(_object(1, 1, 200, 100), _object(5, 5, 5, 5))
    _, (record,) = convert({"a": xml}, one_based=True)
    expected = [[0, 0, 1, 1], [0.04, 0.02, 0.05, 0.025]]
    np.testing.assert_allclose(kit.boxes(record), expected, rtol=1e-6)
    summary, (record,) = convert({"a": xml})
    np.testing.assert_allclose(kit.boxes(record), [[0.01, 0.005, 1, 1]], rtol=1e-6)
    assert summary["skipped"] == {"box of size zero": 1}


def test_difficult_objects_can_be_left_out(convert):
    xml = _xml(_object(0, 0, 9, 9), _object(0, 0, 5, 5, difficult=1))
    summary, _ = convert({"a": xml}, ignore_difficult=True)
    assert summary["boxes"] == 1


def test_split_file_and_classes_of_the_whole_folder(convert, tmp_path):
    """The split has one file; the ids are those of all files, so splits agree."""
    (tmp_path / "split.txt").write_text("a  1\n\n")
    files = {
        "a": _xml(_object(0, 0, 9, 9, name="zebra")),
        "b": _xml(_object(0, 0, 9, 9, name="ant")),
    }
    _, records = convert(files, split_file=tmp_path / "split.txt")
    assert [r["image/object/class/label"] for r in records] == [[2]]


def test_label_map_decides_and_unknown_classes_are_errors(convert, tmp_path):
    LabelMap.from_names({4: "dog"}).save(tmp_path / "given")
    settings = {"label_map_in": tmp_path / "given"}
    _, (record,) = convert({"a": _xml(_object(0, 0, 9, 9))}, **settings)
    assert record["image/object/class/label"] == [4]
    xml = _xml(_object(0, 0, 9, 9), _object(0, 0, 9, 9, name="dogg"))
    with pytest.raises(UserError, match=r"a\.xml: object 2: class 'dogg'.*mean 'dog'"):
        convert({"a": xml}, **settings)


def test_image_found_by_the_xml_files_name(convert):
    """<filename> names a file that is not there; a.xml lies beside a.jpg."""
    _, (record,) = convert({"a": _xml(filename="/home/someone/other.png")})
    assert record["image/filename"] == [b"a.jpg"]


def test_one_filename_in_all_files(convert, tmp_path):
    """Each XML file belongs to the image of its own name."""
    (tmp_path / "b.JPG").write_bytes(kit.picture(200, 100, seed=1))
    summary, records = convert({name: _xml(filename="a.jpg") for name in "ab"})
    assert [r["image/filename"] for r in records] == [[b"a.jpg"], [b"b.JPG"]]
    assert summary["notes"] == {
        "images taken by the XML file's own name, not by its <filename>": 1
    }


def test_two_files_for_one_image_are_refused(convert):
    files = {name: _xml(filename="a.jpg") for name in "ab"}
    with pytest.raises(UserError, match=r"a\.xml and .*b\.xml are both for .*a\.jpg"):
        convert(files)


@pytest.mark.parametrize(
    "filename",
    ["C:\\Users\\me\\p\u00e9.jpg", "/home/me/P\u00c9.JPG", "pe\u0301.jpg", "p\u00e9"],
)
def test_filename_of_another_system(convert, tmp_path, filename):
    (tmp_path / "p\u00e9.jpg").write_bytes(kit.picture(200, 100, seed=1))
    _, (record,) = convert({"x": _xml(filename=filename)})
    assert record["image/filename"] == ["p\u00e9.jpg".encode()]


def test_sub_folders_and_endings_in_capitals(convert, tmp_path):
    """Equal names in two folders are two images."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.jpg").write_bytes(kit.picture(200, 100, seed=1))
    (tmp_path / "sub" / "a.XML").write_text(_xml())
    (tmp_path / "._a.xml").write_bytes(b"\0")
    summary, records = convert({"a": _xml()})
    ids = [r["image/source_id"] for r in records]
    assert ids == [[b"a.jpg"], [b"sub/a.jpg"]] and summary["notes"] == {}


@pytest.mark.parametrize("size", [-1, 0, ""])
def test_unknown_sizes(convert, size):
    summary, _ = convert({"a": _xml(width=size, height=size)})
    assert summary["images"] == 1


@pytest.mark.parametrize(
    ("said", "box"),
    [((100, 200), (10, 20, 30, 60)), ((200, 100), (20, 70, 60, 90))],
)
def test_photos_that_lie(convert, tmp_path, said, box):
    """Upright 100x200 the object is at x .1-.3, y .1-.3; lying it is at the bottom."""
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "a.jpg").write_bytes(kit.picture(200, 100, exif=exif))
    xml = _xml(_object(*box), width=said[0], height=said[1])
    _, (record,) = convert({"a": xml})
    np.testing.assert_allclose(kit.boxes(record), [[0.1, 0.1, 0.3, 0.3]], rtol=1e-6)
    assert (record["image/height"], record["image/width"]) == ([200], [100])


def test_later_splits_use_the_label_map_of_the_first(convert, tmp_path):
    convert({"a": _xml(_object(0, 0, 9, 9), _object(0, 0, 9, 9, name="cat"))})
    _, (record,) = convert({"a": _xml(_object(0, 0, 9, 9))})
    assert record["image/object/class/label"] == [2]
    with pytest.raises(UserError, match="--extend-label-map"):
        convert({"a": _xml(_object(0, 0, 9, 9, name="ant"))})
    xml = _xml(_object(0, 0, 9, 9, name="ant"))
    _, (record,) = convert({"a": xml}, extend_label_map=True)
    assert record["image/object/class/label"] == [3]
    assert LabelMap.load(tmp_path / "map").names == ["cat", "dog", "ant"]


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        ("<annotation>\n<oops", r"a\.xml:2:\d+: is not XML"),
        (_xml("<object><name>x</name></object>"), "object 1: <bndbox/xmin> is missing"),
        (_xml(_object("left", 0, 1, 1)), "<bndbox/xmin>: 'left' is not a number"),
        (_xml("<object></object>"), r"<name> is missing or empty in <object>"),
        (_xml(width=100, height=200), r"says 100x200.*200x100.*swapped"),
        (_xml(width=300), "says 300x100.*resized after annotation"),
    ],
)
def test_malformed_files_are_named(convert, xml, message):
    with pytest.raises(UserError, match=message) as error:
        convert({"a": xml})
    assert "a.xml" in str(error.value)


def test_missing_things_are_named(convert, tmp_path):
    (tmp_path / "split.txt").write_text("a\nnowhere\n")
    with pytest.raises(UserError, match=r"split\.txt:2: .*nowhere\.xml does not exist"):
        convert({"a": _xml()}, split_file=tmp_path / "split.txt")
    with pytest.raises(UserError, match=r"b\.xml: its image .*c\.jpg does not exist"):
        convert({"b": _xml(filename="c.jpg")})
    with pytest.raises(UserError, match="so there are no classes"):
        convert({name: "<annotation/>" for name in "ab"})
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no \.xml files"):
        convert_pascal_voc(tmp_path / "empty", tmp_path, tmp_path / "x")
    with pytest.raises(UserError, match="Annotations does not exist"):
        voc_layout(tmp_path, "train")


def test_blood_cells(data_dir, tmp_path):
    """364 images, 4,888 boxes, two of them of size zero (in 00338 and 00343)."""
    root = data_dir / "bccd" / "BCCD"
    annotations, images, _ = voc_layout(root, "train")
    summary = convert_pascal_voc(
        annotations, images, tmp_path / "all", progress=False, num_shards=3
    )
    assert summary["images"] == 364 and summary["boxes"] == 4886
    assert summary["per_class"] == {"Platelets": 361, "RBC": 4153, "WBC": 372}
    assert summary["skipped"] == {"box of size zero": 2}
    where = sorted(summary["examples"]["box of size zero"])
    assert "BloodImage_00338.xml" in where[0] and "BloodImage_00343.xml" in where[1]


def test_blood_cells_test_split(data_dir, tmp_path):
    annotations, images, split_file = voc_layout(data_dir / "bccd" / "BCCD", "test")
    summary = convert_pascal_voc(
        annotations,
        images,
        tmp_path / "test",
        split_file=split_file,
        label_map_out=tmp_path / "map",
        progress=False,
    )
    assert summary["images"] == 72
    assert LabelMap.load(tmp_path / "map").names == ["Platelets", "RBC", "WBC"]


def test_folders_of_images_are_found_beside_the_xml_files(tmp_path):
    root = tmp_path / "set"
    for name in ("Annotations", "images"):
        (root / name).mkdir(parents=True)
    (root / "Annotations" / "a.xml").write_text("<annotation/>")
    with pytest.raises(UserError, match="no images beside the XML files"):
        voc_folders(root / "Annotations")
    (root / "images" / "a.jpg").write_bytes(b"x")
    wanted = root / "Annotations", root / "images"
    assert voc_folders(root) == voc_folders(root / "Annotations") == wanted
    (root / "Annotations" / "a.jpg").write_bytes(b"x")
    assert voc_folders(root / "Annotations") == (root / "Annotations",) * 2
