"""Parts become records, or stay the records that they are."""

import pytest
from data_set_kit import picture, read
from labelled_folders import SIX, write_coco, write_images

from od_api.core.errors import UserError
from od_api.init import written_data
from od_api.init.coco_parts import coco_parts
from od_api.init.data_kinds import Files
from od_api.init.part_names import WHOLE
from od_api.init.record_parts import record_parts
from od_api.init.written_data import WrittenPart, write_parts


@pytest.fixture
def found(tmp_path):
    """FoundParts of the six images of a COCO folder."""
    write_images(tmp_path / "coco", SIX)
    write_coco(tmp_path / "coco" / "a.json", SIX)
    return coco_parts(Files(tmp_path / "coco"), None)


def written(found, parts, folder, **options):
    folder.mkdir()
    return write_parts(parts, found, folder, progress=False, **options)


def names_of(path):
    return [record["image/filename"][0].decode() for record in read(path)]


def test_images_become_records_of_their_part(found, tmp_path):
    """Four and two of six, in the order in which they are given."""
    items = found.parts[WHOLE]
    out = tmp_path / "out"
    made = written(found, {"train": items[:4], "val": items[4:]}, out)
    assert made["train"].paths == ["train.record-00000-of-00001"]
    assert (made["train"].written, made["val"].summary is None) == (True, False)
    assert names_of(out / "train.record") == ["p0.jpg", "p1.jpg", "p2.jpg", "p3.jpg"]
    assert names_of(out / "val.record") == ["p4.jpg", "p5.jpg"]
    assert made["val"].within(out) == [str(out / "val.record-00000-of-00001")]


def test_a_file_has_so_many_images_at_most(found, tmp_path, monkeypatch):
    """Six images are two files of five at most."""
    monkeypatch.setattr(written_data, "_OF_A_FILE", 5)
    made = written(found, {"train": found.parts[WHOLE]}, tmp_path / "out")
    assert made["train"].paths == [f"train.record-0000{i}-of-00002" for i in (0, 1)]


def test_whole_records_stay_and_some_are_copied(found, tmp_path):
    """All six are the file itself; three of them, from all over, a new one."""
    written(found, {"all": found.parts[WHOLE]}, tmp_path / "first")
    file = tmp_path / "first" / "all.record-00000-of-00001"
    again = record_parts(Files(file))
    items = again.parts[WHOLE]
    made = written(again, {WHOLE: items}, tmp_path / "second")
    assert made[WHOLE] == WrittenPart([str(file)], None, False)
    assert made[WHOLE].within(tmp_path / "moved") == [str(file)]
    assert not list((tmp_path / "second").iterdir())
    written(again, {"val": items[1::2]}, tmp_path / "third")
    assert names_of(tmp_path / "third/val.record") == ["p1.jpg", "p3.jpg", "p5.jpg"]


def test_a_bad_image_is_refused_or_left_out(found, tmp_path):
    items = found.parts[WHOLE][:2]
    (tmp_path / "coco" / "p0.jpg").write_bytes(picture(80, 60)[:40])
    with pytest.raises(UserError, match=r"p0\.jpg"):
        written(found, {"train": items}, tmp_path / "out")
    options = {"skip_bad_images": True}
    made = written(found, {"train": items}, tmp_path / "some", **options)
    assert names_of(tmp_path / "some/train.record") == ["p1.jpg"]
    assert made["train"].written
