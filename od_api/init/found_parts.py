"""What the readers of all formats find: parts of labelled images."""

from typing import NamedTuple

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.label_map import LabelMap
from od_api.init.part_names import TRAIN, VAL, WHOLE


class FoundParts(NamedTuple):
    """A data set as it was found.

    Attributes:
      parts: {TRAIN, VAL, TEST or WHOLE: its images}; TRAIN or WHOLE is there. Images
        are `LabelledImage`s, or `FoundRecord`s.
      label_map: LabelMap of all parts.
      notes: sentences for the user, of what was decided.
    """

    parts: dict
    label_map: LabelMap
    notes: list


def one_of_each(files, place, prefer=None):
    """{part: the file} of annotation files that hold a part each.

    Args:
      files: [(part, path)].
      place: of the data set, for errors.
      prefer: path -> whether it is taken where a part has several.

    Raises:
      UserError: a part has several, or no part can be trained on.
    """
    parts = {}
    for part, path in files:
        parts.setdefault(part, []).append(path)
    for part, paths in parts.items():
        best = [p for p in paths if prefer and prefer(p)]
        parts[part] = best if len(best) == 1 else paths
        if len(parts[part]) > 1:
            several = " and ".join(printable(p) for p in parts[part][:3])
            what = "" if part == WHOLE else f" for {part}"
            raise UserError(
                f"{printable(place)} has several annotation files{what}: {several}. "
                "Name the one to use in place of the folder"
            )
    return {part: paths[0] for part, paths in parts.items()}


def settled(parts, place, notes):
    """The parts that are used: what is whole stands back where there is a TRAIN.

    Args:
      parts: {part: anything}.
      place: of the data set, for errors.
      notes: list to which is added what was left aside.

    Raises:
      UserError: there is only a part to evaluate on.
    """
    if TRAIN in parts and WHOLE in parts:
        notes.append("what is neither of train, val nor test was left aside")
        parts = {part: value for part, value in parts.items() if part != WHOLE}
    if WHOLE in parts and VAL in parts:
        # A list of all beside one of a part: the rest of them is there to train on.
        parts = {TRAIN if p == WHOLE else p: value for p, value in parts.items()}
    if TRAIN not in parts and WHOLE not in parts:
        there = ", ".join(sorted(parts))
        raise UserError(
            f"{printable(place)} has only the part {there}, and nothing to train on: "
            "name a data set with a part train, or one that is not parted at all"
        )
    return parts
