"""Lines of YOLO's label files: boxes, polygons, and boxes with keypoints."""

import dataclasses
from typing import NamedTuple

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.converters.numerals import number, shown
from od_api.system.files import read_text

# Rounding in the text may carry a box this far over the border.
_TOLERANCE = 0.01
KEYPOINTS = "objects with keypoints, of which the box was taken alone"


@dataclasses.dataclass
class Row:
    """One object of a label file.

    Attributes:
      index: of its class, from 0.
      edges: xmin, ymin, xmax, ymax in 0..1.
      where: `file:line`.
      note: what was left out.
    """

    index: int
    edges: tuple
    where: str
    note: str = ""


class Columns(NamedTuple):
    """What lines may hold: `num_classes`, and `keypoints` as in `yolo_names.Names`."""

    num_classes: int
    keypoints: tuple | None = None


def read_labels(path, columns):
    """The `Row`s of a label file.

    Raises:
      UserError: `file:line`, and what is wrong there.
    """
    text = read_text(path, "label file")
    name = printable(path)
    return [
        _read_line(line.split(), f"{name}:{n}", columns)
        for n, line in enumerate(text.split("\n"), 1)
        if line.strip()
    ]


def _read_line(words, where, columns):
    try:
        index, *values = [number(word) for word in words]
    except ValueError as error:
        raise UserError(f"{where}: {error}") from error
    if index not in range(columns.num_classes):
        raise UserError(
            f"{where}: class {shown(words[0])}, but there are names for 0 to "
            f"{columns.num_classes - 1}"
        )
    is_pose = _is_pose(values, where, columns.keypoints)
    coordinates = values[:4] if is_pose else values
    for value in coordinates:
        if not -_TOLERANCE <= value <= 1 + _TOLERANCE:
            raise UserError(
                f"{where}: {value:g} is not within 0..1; divide pixels by the image's "
                "width and height"
            )
    note = KEYPOINTS if is_pose else ""
    return Row(int(index), _edges(coordinates), where, note)


def _is_pose(values, where, keypoints):
    """Whether a box and keypoints follow the class, and not a box or a polygon.

    Raises:
      UserError: it is neither, or nobody can tell.
    """
    count = len(values)
    if count == 4:
        return False
    if keypoints is not None:
        points, each = keypoints
        if count == 4 + points * each:
            return True
        raise UserError(
            f"{where}: has {count + 1} columns; with kpt_shape: [{points}, {each}] a "
            f"line is 'class x y width height' and {points * each} numbers of keypoints"
        )
    if count < 6:
        hint = "; the last looks like a confidence: remove it" if count == 5 else ""
        raise UserError(
            f"{where}: has {count + 1} columns; a line is 'class x y width height', or "
            f"'class x1 y1 x2 y2 x3 y3 ...' for a polygon{hint}"
        )
    if count % 2 or _has_visibilities(values):
        raise UserError(
            f"{where}: has {count + 1} columns, which look like a box and keypoints, "
            "not a polygon: name a data.yaml with kpt_shape by --names (the boxes are "
            "taken), or remove what follows the first 5 columns"
        )
    return False


def _has_visibilities(values):
    """Whether every third number behind a box is 0, 1 or 2, as keypoints have it.

    The box must lie in the image and hold the points that are seen, which a polygon
    with points at the image's border hardly does.
    """
    points = [values[i : i + 3] for i in range(4, len(values), 3)]
    if len(points[-1]) != 3 or not all(v in (0, 1, 2) for _, _, v in points):
        return False
    xmin, ymin, xmax, ymax = _edges(values[:4])
    low, high = -_TOLERANCE, 1 + _TOLERANCE
    in_image = min(xmin, ymin) >= low and max(xmax, ymax) <= high
    return in_image and all(
        xmin + low <= x <= xmax - low and ymin + low <= y <= ymax - low
        for x, y, visible in points
        if visible
    )


def _edges(values):
    if len(values) > 4:
        xs, ys = values[::2], values[1::2]
        return min(xs), min(ys), max(xs), max(ys)
    x, y, width, height = values
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2
