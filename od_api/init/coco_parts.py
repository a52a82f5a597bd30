"""The parts of a data set with COCO JSON files."""

from pathlib import Path

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.converters.coco_json import coco_images
from od_api.data.converters.file_names import Folder
from od_api.init.found_parts import FoundParts, one_of_each, settled
from od_api.init.image_folders import best_folder
from od_api.init.part_names import part_of
from od_api.init.shared_ids import SharedIds
from od_api.system.json_files import read_json

# Names of so many images tell which folder they are in.
_TRIED = 50


def coco_parts(files, images=None):
    """FoundParts of COCO files.

    Args:
      files: a `data_kinds.Files`.
      images: folder of the images of all parts; by default it is looked for.

    Raises:
      UserError: a file is malformed, or its images are not found.
    """
    notes = []
    labelled = [(part_of(p), files.root / p) for p in files.coco()]
    chosen = one_of_each(labelled, files.root, _holds_boxes)
    if files.chosen:
        chosen = {"whole": files.chosen}
    chosen = settled(chosen, files.root, notes)
    ids = SharedIds()
    parts = {}
    for part, path in chosen.items():
        folder = Path(images) if images else _folder_of(files, path)
        parts[part] = coco_images(path, folder, ids, renumber=True)[0]
    return FoundParts(parts, ids.label_map, notes)


def _holds_boxes(path):
    """Whether it is the file of boxes, of those that COCO itself has for a part."""
    return path.name.casefold().startswith("instances")


def _folder_of(files, path):
    """The folder below which the file's images lie under their names."""
    names = _names(path)
    if not names:
        raise UserError(f"{printable(path)}: has not one image")
    best = best_folder(files, path, Folder.find, names)
    if best is None:
        raise UserError(
            f"{printable(path)}: its image {printable(names[0])} is in no folder below "
            f"{printable(files.root)}: name the folder of the images with --images"
        )
    return best


def _names(path):
    data = read_json(path, "COCO annotation file")
    listed = data.get("images") if isinstance(data, dict) else None
    entries = listed[:_TRIED] if isinstance(listed, list) else []
    names = [e.get("file_name") for e in entries if isinstance(e, dict)]
    return [name for name in names if isinstance(name, str) and name]
