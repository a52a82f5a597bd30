"""Ids of images: one for every record."""

from od_api.metrics.image_ids import ImageIds


def test_names_and_hashes_that_repeat(caplog):
    """Hash 7 is that of two names; name `a` is that of three records."""
    ids = ImageIds()
    given = [(7, b"a"), (0, b"b"), (7, b"a"), (7, b"c"), (7, b"a"), (1, b"d")]
    found = [ids.of(*image) for image in given]
    assert found[:2] == [7, 0] and len(set(found)) == len(found)
    ids.report()
    assert "2 images have the source_id of one before them (a)" in caplog.text


def test_nothing_to_say(caplog):
    ids = ImageIds()
    ids.of(1, b"a")
    ids.report()
    assert not caplog.text
