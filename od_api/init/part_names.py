"""Which part of a data set a file belongs to, by the names people give to them."""

import re
from pathlib import PurePath

TRAIN, VAL, TEST, WHOLE = "train", "val", "test", "whole"

_WORDS = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("val", "valid", "validation", "eval", "evaluation", "dev"), VAL),
    **dict.fromkeys(("test", "testing"), TEST),
}


def part_of(path):
    """TRAIN, VAL, TEST or, where its names say none of them, WHOLE.

    The file's own name comes before those of its folders, the inner ones first.

    Args:
      path: relative to the data set, as `valid/labels/a.txt` or
        `annotations/instances_train2017.json`.
    """
    path = PurePath(path)
    for name in (path.stem, *reversed(path.parts[:-1])):
        words = re.split(r"[^a-z]+", name.casefold())
        found = {_WORDS[word] for word in words if word in _WORDS}
        if len(found) == 1:
            return found.pop()
    return WHOLE


def part_of_folder(path):
    """As `part_of`, by the folders of a file alone: an image may be called test.jpg."""
    return part_of(PurePath(path).parent / "_")
