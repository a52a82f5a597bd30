"""Pascal VOC XML to TFRecords.

Coordinates. Pascal's own files count pixels from 1 and include the last one: a box of
the whole image is 1, 1, width, height. Most tools that write this format today mean
edges counted from 0: 0, 0, width, height. Nothing in a file tells which. Numbers are
taken as edges, as the old API's tool did; `one_based=True` is for Pascal's own files
and takes 1 from xmin and ymin. The two differ by one pixel at the left and the top.
"""

from pathlib import Path
from xml.etree import ElementTree

from od_api.core.errors import UserError
from od_api.data.convert import Box, LabelledImage, unknown_class, write_records
from od_api.data.label_map import LabelMap

# Tried when <filename> is not in the images folder, as after a conversion of the files.
_SUFFIXES = (".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG", ".bmp")


def voc_layout(root, split):
    """(annotations folder, images folder, split file) of the usual VOC folder.

    Raises:
      UserError: one of them does not exist.
    """
    root = Path(root)
    folders = root / "Annotations", root / "JPEGImages"
    split_file = root / "ImageSets" / "Main" / f"{split}.txt"
    for path in (*folders, split_file):
        if not path.exists():
            raise UserError(f"{path} does not exist: is {root} a Pascal VOC folder?")
    return *folders, split_file


def convert_pascal_voc(
    annotations_dir,
    images_dir,
    output_prefix,
    *,
    split_file=None,
    label_map_in=None,
    label_map_out=None,
    num_shards=1,
    ignore_difficult=False,
    one_based=False,
    **options,
):
    """Converts a folder of VOC XML files, or the part that a split file lists.

    `source_id` is the image's file name. Without a label map the classes are those of
    all XML files in the folder, whatever the split, in alphabetical order from 1.

    Args:
      annotations_dir: folder of XML files.
      images_dir: folder of the images that <filename> names.
      output_prefix: path and first part of the records' names.
      split_file: lines that begin with the name of an XML file, without its suffix.
      label_map_in: an existing label map; other classes are errors.
      label_map_out: where to write the label map; None writes none.
      num_shards: number of record files.
      ignore_difficult: leaves out objects marked as difficult.
      one_based: the module's docstring says.
      **options: seed, skip_bad_images and progress of `convert.write_records`.

    Returns:
      The summary of `convert.write_records`.

    Raises:
      UserError: a file is missing or malformed, or a class is unknown.
    """
    every = sorted(Path(annotations_dir).glob("*.xml"))
    if not every:
        raise UserError(f"{annotations_dir}: there are no .xml files here")
    paths = _listed(split_file, annotations_dir) if split_file else every
    roots = {path: _parse(path) for path in dict.fromkeys([*paths, *every])}
    if label_map_in is not None:
        label_map = LabelMap.load(label_map_in)
    else:
        label_map = LabelMap.from_names(_class_names(roots))
    images = [
        _image(path, roots[path], images_dir, label_map, ignore_difficult, one_based)
        for path in paths
    ]
    summary = write_records(images, output_prefix, num_shards=num_shards, **options)
    if label_map_out is not None:
        label_map.save(label_map_out)
    return summary


def _class_names(roots):
    """Every class of the files {path: root}, in alphabetical order."""
    objects = [(path, o) for path, root in roots.items() for o in root.iter("object")]
    if not objects:
        folder = next(iter(roots)).parent
        raise UserError(
            f"{folder}: no .xml file here has an object, so there are no classes; name "
            "them with a label map"
        )
    return sorted({_text(item, "name", path) for path, item in objects})


def _listed(split_file, annotations_dir):
    """XML paths of a split file; what follows a name on its line is ignored."""
    try:
        lines = (
            Path(split_file).read_text(encoding="utf-8", errors="replace").splitlines()
        )
    except OSError as error:
        raise UserError(f"{split_file}: cannot be read: {error.strerror}") from error
    paths = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        path = Path(annotations_dir) / f"{line.split()[0]}.xml"
        if not path.is_file():
            raise UserError(f"{split_file}:{number}: {path} does not exist")
        paths.append(path)
    if not paths:
        raise UserError(f"{split_file}: lists no images")
    return paths


def _parse(path):
    try:
        return ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        line, column = error.position
        raise UserError(f"{path}:{line}:{column + 1}: is not XML: {error}") from error


def _image(path, root, images_dir, label_map, ignore_difficult, one_based):
    objects = list(root.iter("object"))
    boxes = [
        _box(item, f"{path}: object {number}", label_map, one_based)
        for number, item in enumerate(objects, 1)
    ]
    boxes = [box for box in boxes if not (ignore_difficult and box.difficult)]
    image_path = _image_path(path, root, Path(images_dir))
    # Sizes of 0 are in the wild, and taken as unknown.
    sized = root.find("size") is not None
    return LabelledImage(
        path=image_path,
        source_id=image_path.name,
        make_boxes=lambda width, height: boxes,
        width=_number(root, "size/width", path, int) if sized else None,
        height=_number(root, "size/height", path, int) if sized else None,
        where=str(path),
    )


def _image_path(path, root, images_dir):
    """The file that <filename> names, or one with the XML file's own name."""
    name = (root.findtext("filename") or "").strip()
    # Some tools write a path of the machine where the annotation was made.
    named = images_dir / name.replace("\\", "/").rsplit("/", 1)[-1]
    twins = [images_dir / f"{path.stem}{suffix}" for suffix in _SUFFIXES]
    found = [p for p in (named, *twins) if p.is_file()]
    if found:
        return found[0]
    return named if name else twins[0]


def _box(item, where, label_map, one_based):
    name = _text(item, "name", where)
    class_id = label_map.id_of(name)
    if class_id is None:
        raise unknown_class(where, name, label_map.names)
    shift = 1 if one_based else 0
    return Box(
        xmin=_number(item, "bndbox/xmin", where) - shift,
        ymin=_number(item, "bndbox/ymin", where) - shift,
        xmax=_number(item, "bndbox/xmax", where),
        ymax=_number(item, "bndbox/ymax", where),
        class_id=class_id,
        class_text=name,
        difficult=(item.findtext("difficult") or "0").strip() == "1",
        where=f"{where} ({name})",
    )


def _text(item, tag, where):
    text = (item.findtext(tag) or "").strip()
    if not text:
        raise UserError(f"{where}: <{tag}> is missing or empty in <{item.tag}>")
    return text


def _number(item, tag, where, kind=float):
    text = _text(item, tag, where)
    try:
        return kind(float(text))
    except (ValueError, OverflowError) as error:
        raise UserError(f"{where}: <{tag}> is {text!r}, not a number") from error
