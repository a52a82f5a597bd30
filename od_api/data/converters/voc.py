"""Pascal VOC XML to TFRecords.

Coordinates. Pascal's own files count pixels from 1 and include the last one: a box of
the whole image is 1, 1, width, height. Most tools that write this format today mean
edges counted from 0: 0, 0, width, height. Nothing in a file tells which. Numbers are
taken as edges, as the old API's tool did; `one_based=True` is for Pascal's own files
and takes 1 from xmin and ymin. The two differ by one pixel at the left and the top.
"""

from os.path import exists
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data.converters import voc_xml
from od_api.data.converters.conversion_options import Options
from od_api.data.converters.convert import Box, LabelledImage, write_records
from od_api.data.converters.file_names import Folder, last_part, visible_files
from od_api.data.converters.voc_split import listed_files
from od_api.pictures.decoding import SUFFIXES
from od_api.system.path_names import one_name

# In small letters; the likeliest first.
_IMAGE_FOLDERS = ("jpegimages", "images", "image", "imgs", "img", "photos", "pictures")
BY_OWN_NAME = "images taken by the XML file's own name, not by its <filename>"


def voc_layout(root, split):
    """(annotations folder, images folder, split file) of the usual VOC folder.

    Raises:
      UserError: one of them does not exist.
    """
    root = Path(root)
    folders = root / "Annotations", root / "JPEGImages"
    name = one_name(split.removesuffix(".txt"), "split")
    split_file = root / "ImageSets" / "Main" / f"{name}.txt"
    for path in (*folders, split_file):
        if not path.exists():
            raise UserError(
                f"{printable(path)} does not exist: is {printable(root)} a Pascal VOC "
                "folder?"
            )
    return *folders, split_file


def voc_folders(folder):
    """(annotations folder, images folder) of XML files without lists of splits.

    The images lie beside the XML files, or in a folder of a usual name beside theirs;
    `folder` is that of the XML files, or the one above both.

    Raises:
      UserError: there is no such folder, or it has no images.
    """
    folder = Path(folder)
    if not folder.is_dir():
        visible_files(folder, ())  # says what it is
    inner = _named_alike(folder, ("annotations", "annotation", "xml", "xmls"))
    if inner and not any(p.parent == Path() for p in visible_files(folder, {".xml"})):
        images = _named_alike(folder, _IMAGE_FOLDERS)
        if images:
            return inner, images
    if visible_files(folder, SUFFIXES):
        return folder, folder
    images = _named_alike(folder.absolute().parent, _IMAGE_FOLDERS)
    if images:
        return folder, images
    raise UserError(
        f"{printable(folder)}: there are no images beside the XML files, nor in "
        "JPEGImages or images beside their folder: name their folder with --images"
    )


def _named_alike(folder, names):
    """The first folder of these names (in small letters) that has files, or None."""
    there = {p.name.casefold(): p for p in folder.iterdir() if p.is_dir()}
    found = [there[name] for name in names if name in there]
    return next((p for p in found if visible_files(p)), None)


def convert_pascal_voc(
    annotations_dir,
    images_dir,
    output_prefix,
    *,
    split_file=None,
    ignore_difficult=False,
    one_based=False,
    **options,
):
    """Converts a folder of VOC XML files, or the part that a split file lists.

    Sub-folders are included. An XML file belongs to the image of its own name, or to
    the one that <filename> names. `source_id` is the image's path. Without a label map
    the classes are those of all files, whatever the split, alphabetically from 1.

    Args:
      annotations_dir: folder of XML files.
      images_dir: folder of the images.
      output_prefix: path and first part of the records' names.
      split_file: as `voc_split.listed_files` takes it; None: all files.
      ignore_difficult: leaves out objects marked as difficult.
      one_based: the module's docstring says.
      **options: as `Options` has them.

    Returns:
      The summary of `convert.write_records`.

    Raises:
      UserError: a file is missing or malformed, or a class is unknown.
    """
    options = Options(**options)
    images, class_ids = voc_images(
        *(annotations_dir, images_dir, options.class_ids),
        split_file=split_file,
        ignore_difficult=ignore_difficult,
        one_based=one_based,
        label_maps=(options.label_map_in, options.label_map_out),
    )
    return write_records(images, output_prefix, class_ids, options)


def voc_images(
    annotations_dir,
    images_dir,
    make_ids,
    *,
    split_file=None,
    ignore_difficult=False,
    one_based=False,
    label_maps=(),
):
    """([LabelledImage] of all XML files or of those listed, their class ids).

    Args:
      make_ids: as `Options.class_ids`.
      label_maps: paths, some of them None; one of these names the classes where no
        file has an object.
      others: as `convert_pascal_voc`.

    Raises:
      UserError: as `convert_pascal_voc`, but for the images.
    """
    annotations_dir = Path(annotations_dir)
    every, files = _read(annotations_dir, split_file)
    declared = _declared(annotations_dir, every, label_maps)
    class_ids = make_ids(printable(annotations_dir), declared, _used(files))
    folder = Folder(images_dir)
    how = (class_ids, ignore_difficult, one_based)
    return [_image(file, folder, *how) for file in files], class_ids


class _File(NamedTuple):
    """An XML file: its folder, its path there, and its root element."""

    folder: Path
    relative: Path
    root: ElementTree.Element

    @property
    def where(self):
        return printable(self.folder / self.relative)

    def objects(self):
        """[(element, place), ...]"""
        found = enumerate(voc_xml.objects(self.root), 1)
        return [(item, f"{self.where}: object {number}") for number, item in found]


def _read(folder, split_file):
    """The `_File`s of all XML files in a folder, and those that a split file lists."""
    paths = visible_files(folder, {".xml"})
    if not paths:
        raise UserError(f"{printable(folder)}: there are no .xml files here")
    listed = listed_files(split_file, folder, paths) if split_file else paths
    files = {path: _File(folder, path, voc_xml.parse(folder / path)) for path in paths}
    return list(files.values()), [files[path] for path in listed]


def _declared(folder, files, label_maps):
    """{id: name} of every class of the files, in alphabetical order."""
    names = sorted(_used(files))
    if not names and not any(exists(m) for m in label_maps if m):
        raise UserError(
            f"{printable(folder)}: no .xml file here has an object, so there are no "
            "classes; name them with --label-map"
        )
    return dict(enumerate(names, 1))


def _used(files):
    """{class: where it is first used}."""
    used = {}
    for file in files:
        for item, where in file.objects():
            used.setdefault(voc_xml.text(item, "name", where), where)
    return used


def _image(file, folder, class_ids, ignore_difficult, one_based):
    boxes = [_box(item, where, class_ids, one_based) for item, where in file.objects()]
    boxes = [box for box in boxes if not (ignore_difficult and box.difficult)]
    path, note = _image_path(file, folder)
    return LabelledImage(
        path=path,
        source_id=path.relative_to(folder.root).as_posix(),
        make_boxes=lambda width, height: boxes,
        width=voc_xml.length(file.root, "size/width", file.where),
        height=voc_xml.length(file.root, "size/height", file.where),
        where=file.where,
        note=note,
    )


def _image_path(file, folder):
    """(path of the image, what to say): that of the XML file's own name comes first.

    Renamed and copied files keep an old <filename>, often the same one in all.
    """
    # Some tools write a path of the machine where the annotation was made.
    name = last_part(file.root.findtext("filename") or "")
    stem = file.relative.stem
    for parent in dict.fromkeys((file.relative.parent, Path())):
        own = [folder.find(parent / stem)] if Path(stem).suffix else []
        own = [p for p in own if p] or folder.images_like(parent / stem)
        named = _named(folder, parent, name)
        if named in own or (named and not own):
            return named, ""
        if own:
            return own[0], BY_OWN_NAME if named else ""
    return folder.root / (name or f"{stem}.jpg"), ""


def _named(folder, parent, name):
    """The image that <filename> names, with or without its ending; None if none."""
    if not name:
        return None
    alike = folder.images_like(parent / name)
    return folder.find(parent / name) or (alike[0] if alike else None)


def _box(item, where, class_ids, one_based):
    name = voc_xml.text(item, "name", where)
    shift = 1 if one_based else 0
    return Box(
        xmin=voc_xml.coordinate(item, "bndbox/xmin", where) - shift,
        ymin=voc_xml.coordinate(item, "bndbox/ymin", where) - shift,
        xmax=voc_xml.coordinate(item, "bndbox/xmax", where),
        ymax=voc_xml.coordinate(item, "bndbox/ymax", where),
        class_id=class_ids.id_of(name),
        class_text=name,
        difficult=voc_xml.flag(item, "difficult", where),
        where=f"{where} ({printable(name)})",
    )
