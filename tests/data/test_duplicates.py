"""The same image or the same name twice."""

from od_api.data.duplicates import Duplicates


def record(image, name):
    return {"image/encoded": [image], "image/source_id": [name]}


def test_what_is_said_of_the_second_one():
    """Of the image first; of a record without image or name, nothing."""
    seen = Duplicates()
    places = [{"file": "a", "record": i} for i in range(7)]
    records = [
        record(b"one", b"1"),
        record(b"one", b"1"),
        record(b"one", b"2"),
        record(b"two", b"1"),
        record(b"three", b"3"),
        {},
        {},
    ]
    found = [list(seen.look(*pair)) for pair in zip(records, places, strict=True)]
    assert [len(findings) for findings in found] == [0, 1, 1, 1, 0, 0, 0]
    assert found[1] == [
        (
            "warning",
            "duplicate_image",
            "the same image and source_id as a record 0",
        )
    ]
    assert found[2][0][2] == "the same image as a record 0"
    assert found[3] == [
        (
            "warning",
            "duplicate_source_id",
            "the same source_id as a record 0, another image",
        )
    ]


def test_a_record_that_is_read_again_is_no_duplicate():
    seen = Duplicates()
    place = {"file": "a", "record": 0}
    for _ in range(2):
        assert list(seen.look(record(b"one", b"1"), place)) == []
    other = {"file": "b", "record": 0}
    assert len(list(seen.look(record(b"one", b"1"), other))) == 1
