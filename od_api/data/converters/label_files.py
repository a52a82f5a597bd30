"""Text files with the labels of one image each, and the images that they are for."""

from pathlib import Path

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.converters.conversion_summary import EXAMPLES
from od_api.data.converters.file_names import Folder, visible_files
from od_api.pictures.decoding import SUFFIXES
from od_api.pictures.image_files import OTHER_SUFFIXES


def pairs(images_dir, labels_dir):
    """[(image's path in its folder, path of its label file or None), ...].

    Raises:
      UserError: there are no images, not one has a label file, or two have the same.
    """
    paths = visible_files(images_dir, SUFFIXES | OTHER_SUFFIXES)
    if not paths:
        raise UserError(f"{printable(images_dir)}: there are no images here")
    folder = Folder(labels_dir)
    found = [(path, label_file_in(folder, path)) for path in paths]
    # What is no image of the data set: a drawing, a raw photo.
    found = [(p, label) for p, label in found if label or p.suffix.lower() in SUFFIXES]
    if not any(label for _, label in found):
        near = labels_dir / images_dir.name
        hint = f"; is it {printable(near)}?" if near.is_dir() else ""
        raise UserError(
            f"{printable(labels_dir)}: not one image of {printable(images_dir)} has "
            f"its label file here{hint}"
        )
    owners = {}
    for path, label in found:
        other = owners.setdefault(label, path)
        if label and other != path:
            raise UserError(
                f"{printable(label)} belongs to two images of "
                f"{printable(images_dir)}, {printable(other)} and {printable(path)}: "
                "remove one, or give them names of their own"
            )
    return found


def label_file_in(folder, path):
    """The path of the label file of an image, or None.

    Args:
      folder: `Folder` of the label files.
      path: of the image in its own folder.
    """
    found = folder.find(path.with_suffix(".txt"))
    if found is None and "images" in path.parts:
        # The usual layout, where one folder holds both.
        parts = list(path.with_suffix(".txt").parts)
        last = len(parts) - 1 - parts[::-1].index("images")
        parts[last] = "labels"
        found = folder.find(Path(*parts))
    return found


def with_unused(summary, images_dir, labels_dir, pairs):
    """The summary with a count of files that have no partner, which hint at lost ones.

    Args:
      summary: of `convert.write_records`.
      images_dir, labels_dir, pairs: as `pairs` takes and gives them.
    """
    _add_orphans(summary, labels_dir, {label for _, label in pairs})
    _add_unread(summary, images_dir, {relative for relative, _ in pairs})
    unlabelled = sum(label is None for _, label in pairs)
    return {**summary, "images_without_label_file": unlabelled}


def _add_orphans(summary, labels_dir, used):
    """Counts label files without an image."""
    orphans = [
        printable(labels_dir / path)
        for path in visible_files(labels_dir, {".txt"})
        if labels_dir / path not in used and path.name.lower() != "classes.txt"
    ]
    _add(summary, "label file without an image", orphans)


def _add_unread(summary, images_dir, used):
    """Counts files beside the images that are of formats that are not read."""
    paths = visible_files(images_dir, OTHER_SUFFIXES)
    unread = [printable(images_dir / path) for path in paths if path not in used]
    _add(summary, "file of a format that is not read", unread)


def _add(summary, reason, places):
    if places:
        summary["skipped"][reason] = len(places)
        summary["examples"][reason] = places[:EXAMPLES]
