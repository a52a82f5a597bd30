"""Data sets that are read as they are: COCO JSON, Pascal VOC or YOLO folders.

Their annotations are read at once; images one by one, when a batch needs them. What
comes out are the examples of `od-api data convert`, in its order.
"""

import hashlib

from od_api.core.errors import ConfigError, MissingFile, UserError
from od_api.core.printable import printable
from od_api.data.converters.coco_json import coco_images
from od_api.data.converters.convert import check_names, example_of
from od_api.data.converters.voc import voc_images, voc_layout
from od_api.data.converters.yolo import yolo_images
from od_api.data.label_map import LabelMap
from od_api.data.record_source import RecordSource

# What has to be set of each of them; VOC's split finds the images itself.
_NEEDED = {
    "coco_input_reader": ("annotations", "images"),
    "voc_input_reader": ("annotations",),
    "yolo_input_reader": ("images", "labels", "names"),
}
KINDS = tuple(_NEEDED)


def refuse_unnamed(reader):
    """Raises ConfigError for a reader of a folder that lacks a path."""
    kind = reader.WhichOneof("input_reader")
    folder, needed = getattr(reader, kind), list(_NEEDED[kind])
    if kind == "voc_input_reader" and not folder.split:
        needed.append("images")
    for name in needed:
        if not getattr(folder, name):
            raise ConfigError("is not set: name a path", f"{kind}.{name}")
    if reader.HasField("chips"):
        raise ConfigError(
            f"are parts of TFRecords, and {kind} reads a folder: convert it (od-api "
            "data convert)",
            "chips",
        )


def open_folder(reader):
    """The RecordSource of a reader of a folder.

    Args:
      reader: InputReader message with one of KINDS.

    Raises:
      ConfigError: a path or the label map is not there, or an annotation is wrong;
        `field_path` starts in the reader.
    """
    refuse_unnamed(reader)
    kind = reader.WhichOneof("input_reader")
    try:
        label_map = LabelMap.load(reader.label_map_path)
    except UserError as error:
        raise MissingFile(str(error), "label_map_path") from error
    folder = getattr(reader, kind)
    classes = _Classes(label_map, reader.drop_unknown_classes)
    try:
        images = _INDEX[kind](folder, classes.checked, reader)
        check_names(images)
    except UserError as error:
        raise MissingFile(str(error), kind) from error
    if not images:
        raise MissingFile("has not one image", kind)

    def make(index):
        example = example_of(images[index], reader.max_image_pixels)
        return example.SerializeToString(deterministic=True)

    return RecordSource(
        getattr(folder, _NEEDED[kind][0]),
        len(images),
        make,
        recipe=reader.SerializeToString(deterministic=True),
        digest=_digest(images),
    )


def _digest(images):
    """What tells the images of a folder from others, by their order and names."""
    names = "\0".join(image.source_id for image in images)
    return hashlib.sha256(names.encode()).digest()


class _Classes:
    """As `ClassIds`, of a label map that is there and stays as it is."""

    def __init__(self, label_map, drops):
        self._label_map, self._drops = label_map, drops

    def checked(self, source, declared, used):
        """Refuses used classes that the label map lacks, unless they are dropped."""
        for name, where in used.items():
            if not self._drops and self._label_map.id_of(name) is None:
                raise _unknown(name, where, self._label_map)
        return self

    def id_of(self, name):
        """The id of a class; one that no class has for what is dropped."""
        known = self._label_map.id_of(name)
        return self._label_map.num_classes + 1 if known is None else known


def _unknown(name, where, label_map):
    near = label_map.nearest(name)
    hint = f"; did you mean {printable(near)!r}?" if near else ""
    return UserError(
        f"{where}: class {printable(name)!r} is not in {printable(label_map.path)}"
        f"{hint}. Add it there, or leave such boxes out on purpose with "
        "drop_unknown_classes"
    )


def _coco(folder, make_ids, reader):
    masks = reader.load_instance_masks
    paths = folder.annotations, folder.images
    return coco_images(*paths, make_ids, include_masks=masks)[0]


def _voc(folder, make_ids, reader):
    annotations, images, listed = folder.annotations, folder.images, None
    if folder.split:
        annotations, found, listed = voc_layout(annotations, folder.split)
        images = images or found
    return voc_images(
        annotations,
        images,
        make_ids,
        split_file=listed,
        one_based=folder.one_based,
        label_maps=(reader.label_map_path,),
    )[0]


def _yolo(folder, make_ids, reader):
    return yolo_images(folder.images, folder.labels, folder.names, make_ids)[0]


_INDEX = dict(zip(KINDS, (_coco, _voc, _yolo), strict=True))
