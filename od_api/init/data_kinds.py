"""What kind of data set a folder or a file is."""

import re
from pathlib import Path

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.converters.file_names import Folder, visible_files
from od_api.data.converters.label_files import label_file_in
from od_api.pictures.decoding import SUFFIXES
from od_api.system.files import read_bytes

COCO, VOC, YOLO, RECORDS = "coco", "voc", "yolo", "tfrecord"
WORDS = {
    COCO: "COCO JSON",
    VOC: "Pascal VOC XML",
    YOLO: "YOLO text labels",
    RECORDS: "TFRecords",
}
_LISTS = (b'"images"', b'"annotations"', b'"categories"')
_RECORD_NAME = re.compile(r"(\.tf_?records?|\.records?)([-.]|$)|-\d{5}-of-\d{5}$")
_YAML = (".yaml", ".yml")
# What a YOLO label's line begins with.
_LABEL_LINE = re.compile(rb"\s*\d+(\s+[-+]?[\d.]+([eE][-+]?\d+)?){4}")
# Of files of one suffix so many are looked into; the first that fits tells the kind.
_LOOKED_INTO = 20


class Files:
    """What lies in a data set's folder.

    Args:
      path: of the folder, or of one file: a COCO JSON, a data.yaml, a TFRecord.

    Attributes:
      root: Path of the folder; of a file, the one it is in.
      chosen: Path of the file that was named, or None.
      files: sorted Paths of all visible files, relative to `root`.

    Raises:
      UserError: it does not exist, or is empty.
    """

    def __init__(self, path):
        path = Path(path)
        is_file = path.is_file()
        self.root, self.chosen = (path.parent, path) if is_file else (path, None)
        self.files = visible_files(self.root)
        if not self.files:
            raise UserError(
                f"{printable(self.root)} is empty: name the folder of the images and "
                "their annotations"
            )

    def of(self, *suffixes):
        """The files of these suffixes, as Paths relative to `root`."""
        return [p for p in self.files if p.suffix.lower() in suffixes]

    def images(self):
        """The image files, as Paths relative to `root`."""
        return self.of(*SUFFIXES)

    def coco(self):
        """The COCO JSON files; the one that was named alone."""
        if self.chosen:
            return [self.chosen.relative_to(self.root)]
        return [p for p in self.of(".json") if _is_coco(self.root / p)]

    def voc(self):
        """The VOC XML files, all of them if one of the first is one."""
        found = self.of(".xml")
        some = found[:_LOOKED_INTO]
        return found if any(_is_annotation(self.root / p) for p in some) else []

    def yaml(self):
        """The YAML files that name classes."""
        if self.chosen:
            return [self.chosen.relative_to(self.root)]
        return [p for p in self.of(*_YAML) if _names_classes(self.root / p)]

    def yolo(self):
        """The YAML file of a YOLO data set, or else label files of its images."""
        return self.yaml() or self._labels()

    def records(self):
        """The TFRecord files."""
        if self.chosen:
            return [self.chosen.relative_to(self.root)]
        return [p for p in self.files if _RECORD_NAME.search(p.name)]

    def _labels(self):
        """The label files of the first images that have one."""
        if not self.of(".txt"):
            return []
        folder = Folder(self.root)
        paths = (label_file_in(folder, p) for p in self.images())
        found = [p for p in paths if p][:_LOOKED_INTO]
        return [p.relative_to(self.root) for p in found if _is_label(p)]


def kind_of(files, wanted=None):
    """COCO, VOC, YOLO or RECORDS.

    Args:
      files: Files.
      wanted: one of them, where the user has said it.

    Raises:
      UserError: there are none of them (or none of `wanted`), or several kinds.
    """
    if files.chosen:
        return wanted or _kind_of_file(files.chosen)
    kinds = (wanted,) if wanted else tuple(WORDS)
    look = {COCO: files.coco, VOC: files.voc, YOLO: files.yolo, RECORDS: files.records}
    found = {kind: paths for kind in kinds if (paths := look[kind]())}
    if len(found) == 1:
        return next(iter(found))
    place = printable(files.root)
    if not found:
        raise UserError(_nothing(files, place, kinds))
    listed = ", ".join(
        f"{WORDS[kind]} ({printable(paths[0])})" for kind, paths in found.items()
    )
    raise UserError(
        f"{place} has annotations of several kinds: {listed}. Say which to take, with "
        f"--from {next(iter(found))} or another, or name a folder of one kind"
    )


def _kind_of_file(path):
    if path.suffix.lower() == ".json":
        return COCO
    if path.suffix.lower() in _YAML:
        return YOLO
    if _RECORD_NAME.search(path.name):
        return RECORDS
    raise UserError(
        f"{printable(path)}: name a folder, a COCO JSON file, a data.yaml or a TFRecord"
    )


def _nothing(files, place, kinds):
    count = len(files.images())
    what = f"has {count} images, but" if count else "has no images, and"
    wanted = ", ".join(WORDS[kind] for kind in kinds)
    return (
        f"{place} {what} no annotations that could be recognised ({wanted}): label the "
        "images first, or name the folder that holds both"
    )


def _is_coco(path):
    raw = read_bytes(path, "JSON file")
    return all(key in raw for key in _LISTS)


def _is_annotation(path):
    return b"<annotation" in read_bytes(path, "annotation").replace(b"\0", b"")


def _names_classes(path):
    text = read_bytes(path, "YAML file")
    return re.search(rb"^names\s*:", text, re.MULTILINE) is not None


def _is_label(path):
    raw = read_bytes(path, "label file")
    return _LABEL_LINE.match(raw.removeprefix(b"\xef\xbb\xbf")) is not None
