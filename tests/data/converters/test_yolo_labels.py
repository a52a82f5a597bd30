"""What the columns of a YOLO label line mean."""

import pytest

from od_api.core.errors import UserError
from od_api.data.converters.yolo_labels import KEYPOINTS, Columns, read_labels


@pytest.fixture
def read(tmp_path):
    """A label text -> [(class index, edges, note), ...]."""

    def run(text, keypoints=None, encoding="utf-8"):
        (tmp_path / "a.txt").write_bytes(text.encode(encoding))
        rows = read_labels(tmp_path / "a.txt", Columns(2, keypoints))
        return [
            (r.index, tuple(round(e, 9) for e in r.edges), r.note == KEYPOINTS)
            for r in rows
        ]

    return run


_BOX = (0.55, 0.6, 0.65, 0.8)


@pytest.mark.parametrize(
    ("keypoints", "columns"),
    [
        ((2, 2), "0.58 0.68 0.62 0.72"),
        ((1, 3), "0.58 0.68 2"),
        ((2, 3), "0.58 0.68 1 0 0 0"),
        ((1, 2), "-5 7"),
    ],
)
def test_keypoints_by_the_shape_that_the_data_set_says(read, keypoints, columns):
    text = f"0 0.6 0.7 0.1 0.2 {columns}\n1 0.6 0.7 0.1 0.2\n"
    assert read(text, keypoints) == [(0, _BOX, True), (1, _BOX, False)]


def test_lines_that_do_not_fit_the_shape_are_named(read):
    with pytest.raises(UserError, match=r"a\.txt:1: has 7 columns.*\[2, 2\].*and 4 "):
        read("0 0.6 0.7 0.1 0.2 0.5 0.5", (2, 2))


@pytest.mark.parametrize(
    "columns",
    [
        "0.58 0.68 2",
        "0.58 0.68 1 0.62 0.72 2",
        "0.58 0.68 1 0.62 0.72 0",
        "0.58 0.68 1 0.62 0.72 1 0 0 0 0.6 0.7 1",
    ],
)
def test_keypoints_without_a_shape_are_refused(read, columns):
    with pytest.raises(UserError, match=r"a\.txt:2: .*keypoints.*kpt_shape"):
        read(f"0 0.6 0.7 0.1 0.2\n0 0.6 0.7 0.1 0.2 {columns}")


@pytest.mark.parametrize(
    ("columns", "edges"),
    [
        ("0.1 0.2 0.5 0.9 0.3 0.1", (0.1, 0.1, 0.5, 0.9)),
        ("0.1 0.2 0.5 0.2 0.5 0.4 0.1 0.4", (0.1, 0.2, 0.5, 0.4)),  # oriented box
        # Points at the border and in a corner of the image are no visibilities.
        ("0 0.5 0.4 0.5 1 0 1 0.6 0.2 1", (0.0, 0.0, 1.0, 1.0)),
        ("0 0 1 0 1 1 0 1 0 0.5", (0.0, 0.0, 1.0, 1.0)),
    ],
)
def test_polygons(read, columns, edges):
    assert read(f"1 {columns}") == [(1, edges, False)]


def test_a_confidence_is_named(read):
    with pytest.raises(UserError, match=r"a\.txt:1: has 6 columns.*a confidence"):
        read("0 0.5 0.5 0.1 0.1 0.98")


def test_marks_line_ends_and_tabs(read):
    text = "\ufeff0\t0.6 0.7 0.1 0.2\r\n\r\n 1 .6 7e-1 +0.1 0.2 \r"
    assert read(text) == read(text[1:], encoding="utf-16")
    assert read(text) == [(0, _BOX, False), (1, _BOX, False)]


@pytest.mark.parametrize("number", ["1e400", "²", "1_0", "0,5", "inf", "9" * 5000])
def test_what_is_no_number_is_named(read, number):
    with pytest.raises(UserError, match=r"a\.txt:1: '.*number") as error:
        read(f"0 {number} 0.5 0.1 0.1")
    assert len(str(error.value)) < 300
    with pytest.raises(UserError, match=r"a\.txt:1: "):
        read(f"{number} 0.5 0.5 0.1 0.1")
