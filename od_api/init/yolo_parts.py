"""The parts of a data set with YOLO labels."""

from pathlib import Path

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.converters.yolo import yolo_images
from od_api.data.converters.yolo_names import load_parts
from od_api.init.found_parts import FoundParts, one_of_each, settled
from od_api.init.part_names import TEST, TRAIN, VAL, WHOLE, part_of_folder
from od_api.init.shared_ids import SharedIds
from od_api.system.files import read_text

# Names of classes, one a line, by the tools that write them.
_NAME_FILES = ("classes.txt", "obj.names", "_darknet.labels", "names.txt", "labels.txt")


def yolo_parts(files, images=None, names=None):
    """FoundParts of YOLO labels: as data.yaml says, or by their folders.

    Args:
      files: a `data_kinds.Files`.
      images: folder of the images, where no data.yaml names it.
      names: file of class names; by default it is looked for.

    Raises:
      UserError: a file is malformed or names what is not there, or nobody says how
        the classes are called.
    """
    notes, ids = [], SharedIds()
    names = Path(names) if names else _names_in(files)
    folders = load_parts(names) if names.suffix.lower() in (".yaml", ".yml") else {}
    reader = _Reader(names, ids)
    if TRAIN in folders:
        parts = _named(names, folders, reader, notes)
    else:
        parts = _by_folder(Path(images) if images else files.root, reader)
    return FoundParts(settled(parts, files.root, notes), ids.label_map, notes)


def _names_in(files):
    """The file that names the classes: the outermost data.yaml, or a list."""
    found = [files.root / p for p in files.yaml()]
    if not found:
        paths = files.of(".txt", ".names", ".labels")
        found = [files.root / p for p in paths if p.name.casefold() in _NAME_FILES]
    if not found:
        raise UserError(
            f"{printable(files.root)} has YOLO labels, and nothing says what their "
            "classes are called: put a data.yaml with names (or classes.txt, one name "
            "a line) there, or name such a file with --names"
        )
    least = min(len(p.parts) for p in found)
    outermost = [(WHOLE, p) for p in found if len(p.parts) == least]
    return one_of_each(outermost, files.root)[WHOLE]


class _Reader:
    """Reads the images below a folder, each folder once."""

    def __init__(self, names, ids):
        self._names, self._ids = names, ids
        self._known = {}

    def below(self, root):
        """[LabelledImage] of all images below a folder."""
        if root not in self._known:
            found = yolo_images(root, root, self._names, self._ids)[0]
            self._known[root] = found
        return self._known[root]


def _named(names, folders, reader, notes):
    """{part: images} as a data.yaml says."""
    parts = {}
    for part, entries in folders.items():
        paths = [_resolved(names, entry, part, notes) for entry in entries]
        found = {}
        for path in filter(None, paths):
            for image in _images_at(path, reader):
                found[image.path.resolve()] = image
        if found:
            parts[part] = list(found.values())
    return parts


def _resolved(names, entry, part, notes):
    """The folder or list that an entry of a data.yaml means; None of one left out."""
    above = names.parent / entry.above
    written = Path(entry.path)
    inner = Path(*[p for p in written.parts if p not in ("..", ".")])
    # Exports of Roboflow write `../train/images` for `train/images`.
    for path in (above / written, names.parent / written, above / inner):
        if path.exists():
            return path
    where = f"{printable(names)}: {part}: {printable(entry.path)} does not exist"
    if part != TRAIN:
        notes.append(f"{where}, and was left out")
        return None
    raise UserError(f"{where}: mend the path there (it is relative to the file)")


def _images_at(path, reader):
    """The images in a folder, or those of a list."""
    if path.is_dir():
        root = _root_of(path.absolute())
        found = reader.below(root)
        return [i for i in found if path.absolute() in i.path.absolute().parents]
    listed = [line.strip() for line in read_text(path, "list of images").split("\n")]
    wanted = {(path.parent / line).resolve() for line in listed if line}
    if not wanted:
        raise UserError(f"{printable(path)}: lists no images")
    root = _root_of(next(iter(wanted)).parent)
    found = [i for i in reader.below(root) if i.path.resolve() in wanted]
    missing = wanted - {i.path.resolve() for i in found}
    if missing:
        raise UserError(
            f"{printable(path)}: names {printable(min(missing))}, which is not there"
        )
    return found


def _root_of(folder):
    """The folder that holds a folder of images and that of its labels."""
    parts = folder.parts
    if "images" not in parts:
        return folder
    last = len(parts) - 1 - parts[::-1].index("images")
    return Path(*parts[:last])


def _by_folder(root, reader):
    """{part: images} of all images below a folder."""
    parts = {}
    for image in reader.below(root):
        part = part_of_folder(image.path.relative_to(root))
        parts.setdefault(part, []).append(image)
    known = [p for p in (TRAIN, VAL, TEST) if p in parts]
    if (
        WHOLE in parts
        and known
        and len(parts[WHOLE]) > sum(len(parts[p]) for p in known)
    ):
        # Folders of odd names hold most of it: it is no data set in parts.
        return {WHOLE: [image for images in parts.values() for image in images]}
    return parts
