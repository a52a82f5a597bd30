"""The parts of a data set with Pascal VOC XML files."""

import os
from pathlib import Path

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.converters.voc import voc_folders, voc_images, voc_layout
from od_api.init.found_parts import FoundParts, settled
from od_api.init.image_folders import best_folder
from od_api.init.part_names import TEST, TRAIN, VAL, WHOLE, part_of_folder
from od_api.init.shared_ids import SharedIds

# Names of so many files tell which folder their images are in.
_TRIED = 50
_LISTS = {"train": TRAIN, "val": VAL, "test": TEST, "trainval": WHOLE}


def voc_parts(files, images=None):
    """FoundParts of VOC files: by the lists in ImageSets/Main, or by their folders.

    Args:
      files: a `data_kinds.Files`.
      images: folder of the images; by default it is looked for.

    Raises:
      UserError: a file is malformed, or its images are not found.
    """
    notes, ids = [], SharedIds()
    root = _root_with_lists(files)
    found = _listed(root, images) if root else _by_folder(files, images)
    found = settled(found, files.root, notes)
    parts = {
        part: voc_images(annotations, folder, ids, split_file=listed)[0]
        for part, (annotations, folder, listed) in found.items()
    }
    return FoundParts(parts, ids.label_map, notes)


def _root_with_lists(files):
    """The folder above ImageSets/Main, if there are lists of parts there."""
    roots = {
        files.root / p.parent.parent.parent
        for p in files.of(".txt")
        if p.parent.parts[-2:] == ("ImageSets", "Main") and p.stem in _LISTS
    }
    if len(roots) > 1:
        first, second, *_ = sorted(roots)
        raise UserError(
            f"{printable(files.root)} holds several VOC folders, {printable(first)} "
            f"and {printable(second)}: name one of them"
        )
    return roots.pop() if roots else None


def _listed(root, images):
    """{part: (annotations, images, list)} of VOC's own layout."""
    lists = root / "ImageSets" / "Main"
    there = {part: name for name, part in _LISTS.items() if _has(lists, name)}
    if TRAIN in there:  # trainval is train and val once more
        there.pop(WHOLE, None)
    found = {}
    for part, name in there.items():
        annotations, folder, listed = voc_layout(root, name)
        found[part] = annotations, images or folder, listed
    return found


def _has(lists, name):
    path = lists / f"{name}.txt"
    return path.is_file() and path.stat().st_size > 0


def _by_folder(files, images):
    """{part: (annotations, images, None)} of files in folders of the parts' names."""
    groups = {}
    for path in files.voc():
        groups.setdefault(part_of_folder(path), []).append(files.root / path)
    if len(groups) > 1 and WHOLE in groups:
        stray = groups.pop(WHOLE)[0]
        raise UserError(
            f"{printable(stray)} is in no part of the data set, and others are in "
            f"{' and '.join(sorted(groups))}: move it, or name the folder to use"
        )
    found = {}
    for part, paths in groups.items():
        annotations = Path(os.path.commonpath([p.parent for p in paths]))
        tried = [path.relative_to(annotations) for path in paths[:_TRIED]]
        folder = images or best_folder(files, annotations, _has_image, tried)
        found[part] = annotations, folder or voc_folders(annotations)[1], None
    return found


def _has_image(folder, relative):
    """Whether a folder has the image of an XML file, in its sub-folder or in none."""
    places = relative.with_suffix(""), Path(relative.stem)
    return any(folder.images_like(place) for place in places)
