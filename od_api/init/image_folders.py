"""Which folder of a data set the images of an annotation file are in."""

from od_api.data.converters.file_names import Folder
from od_api.init.part_names import part_of, part_of_folder


def best_folder(files, annotations, find, tried):
    """The folder below which most of some images are found, or None.

    Args:
      files: a `data_kinds.Files`.
      annotations: Path of the annotation file, or of the folder of such files.
      find: (Folder, item) -> whether the image is there.
      tried: the items.
    """
    folders = {annotations: None} if annotations.is_dir() else {}
    folders[files.root] = None
    if annotations != files.root:
        folders[annotations.parent] = None
    for image in files.images():
        for parent in image.parents:
            folders[files.root / parent] = None
    ordered = sorted(folders, key=_Nearness(files.root, annotations))
    counts = {folder: _count(folder, find, tried) for folder in ordered}
    best = max(ordered, key=counts.get)
    return best if counts[best] else None


class _Nearness:
    """Sorts folders: those of the part's name first, then those near by."""

    def __init__(self, root, annotations):
        self._root, self._here = root, annotations
        self._part = part_of(annotations.relative_to(root))

    def __call__(self, folder):
        above = {self._here, *self._here.parents}
        shared = len({folder, *folder.parents} & above)
        named = part_of_folder(folder.relative_to(self._root) / "_") == self._part
        return not named, -shared, len(folder.parts), str(folder)


def _count(folder, find, tried):
    look = Folder(folder)
    return sum(bool(find(look, item)) for item in tried)
