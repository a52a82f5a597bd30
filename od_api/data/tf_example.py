"""One record: from a serialized tf.Example to a sample (`od_api/core/sample.py`).

The keys are the old API's. In files boxes are normalised and class ids 1-based; here
they become pixels of the image and 0-based ids, in this one place.
"""

import functools

import tensorflow as tf
from google.protobuf.message import DecodeError

from od_api.core import sample as samples
from od_api.data.box_details import box_details, require
from od_api.data.class_hierarchy import ClassHierarchy
from od_api.data.examples import parse_example
from od_api.data.ignored_boxes import ignored_flags
from od_api.data.image_features import SPEC as IMAGE_SPEC
from od_api.data.image_features import image_of
from od_api.protos import input_reader_pb2

# Image ids are hashes of source ids, with as many values as the old API's.
_IMAGE_IDS = 1 << 31

_MASK_TYPES = {
    "bytes_list": input_reader_pb2.PNG_MASKS,
    "float_list": input_reader_pb2.NUMERICAL_MASKS,
}

_BOX = "image/object/bbox/"
_MASK_WEIGHT = "mask/weight"
_IMAGE_CLASS = "image/class/"
_CONFIDENCE = "image/class/confidence"
# Label-map ids of classes of which something is known of the whole image.
_KNOWN = {
    "negative_classes": "image/neg_category_ids",
    "not_exhaustive_classes": "image/not_exhaustive_category_ids",
}
_SCALARS = {
    "image/encoded": tf.string,
    "image/filename": tf.string,
    "image/source_id": tf.string,
}
_LISTS = {
    f"{_BOX}ymin": tf.float32,
    f"{_BOX}xmin": tf.float32,
    f"{_BOX}ymax": tf.float32,
    f"{_BOX}xmax": tf.float32,
    "image/object/class/text": tf.string,
    "image/object/class/label": tf.int64,
    "image/object/area": tf.float32,
    "image/object/is_crowd": tf.int64,
    "image/object/difficult": tf.int64,
    "image/object/group_of": tf.int64,
    "image/object/weight": tf.float32,
}


def decode(serialized, reader, label_map=None, known_classes=False):
    """The sample of a serialized tf.Example.

    A class is looked up by its text; by its number where the record has no texts or
    there is no label map. Boxes whose class is unknown (or the background), that have
    NaN, or whose maximum lies below their minimum are left out, and so is what belongs
    to them.

    Args:
      serialized: string scalar.
      reader: InputReader message: load_... and num_keypoints say what else to read;
        crowd_boxes and ignore_difficult which boxes are `ignored`.
      label_map: a LabelMap, or None.
      known_classes: reads what is known of the classes of the whole image, too.

    Returns:
      The sample, with masks, mask_weights, keypoints, keypoint_visibilities and
      multiclass_scores as the reader asks, and with
        area       [G] float32, square pixels of the image: the object's, or the box's
        image_id   int64 scalar, a hash of source_id
        source_id  string scalar; the file name where the record has none
        image_class_ids  [n] int32, 0-based, that the whole image shows, as asked
      and with known_classes: verified_, negative_ and not_exhaustive_classes, each [n]
      int32, 0-based, -1 for one that the label map does not have.
    """
    features = parse_example(serialized, _spec(reader, known_classes))
    image = image_of(features, reader.max_image_pixels)
    boxes, ids = _boxes_and_ids(features, image, label_map)
    sample = {
        "image": image,
        "boxes": boxes,
        "classes": ids - 1,
        **_box_attributes(features, boxes, reader),
        **box_details(features, reader, image, boxes),
        **_names(features, serialized),
        **(_image_classes(features, label_map) if reader.load_image_classes else {}),
        **(_known_classes(features, label_map) if known_classes else {}),
    }
    kept = keep_boxes(sample, _in_order(boxes) & (ids >= 1))
    return _expanded(kept, features, reader, label_map)


def _expanded(sample, features, reader, label_map):
    """The sample with the classes above those that its record names, if asked for."""
    if not reader.expand_labels_hierarchy or label_map is None:
        return sample
    hierarchy = ClassHierarchy(label_map)
    # Ids without a label map's texts may be higher than all of its classes.
    sample = keep_boxes(sample, sample["classes"] < label_map.num_classes)
    sample = hierarchy.expanded(sample)
    if "verified_classes" in sample:
        classes = sample["verified_classes"]
        given = _confidences(features, tf.size(classes))
        classes = tf.where(classes < label_map.num_classes, classes, -1)
        sample["verified_classes"] = hierarchy.verified(classes, given)
    if "image_class_ids" in sample:
        classes = sample["image_class_ids"]
        classes = tf.where(classes < label_map.num_classes, classes, -1)
        present = hierarchy.verified(classes, tf.ones(tf.shape(classes)))
        sample["image_class_ids"] = present
    return sample


def _in_order(boxes):
    """[G, 4] -> [G] bool; False for NaN too."""
    ymin, xmin, ymax, xmax = tf.unstack(boxes, axis=-1)
    return (ymax >= ymin) & (xmax >= xmin)


def example_parser(reader):
    """Callable: bytes of a tf.Example -> its features but masks, as `decode` has them.

    Args:
      reader: InputReader message.
    """
    unmasked = input_reader_pb2.InputReader()
    unmasked.CopyFrom(reader)
    unmasked.load_instance_masks = False
    spec = _spec(unmasked)
    signature = [tf.TensorSpec([], tf.string)]
    parse = functools.partial(parse_example, spec=spec)
    parser = tf.function(parse, input_signature=signature, autograph=False)
    # Traced here: a check of bounded time begins after it.
    parser.get_concrete_function()
    return parser


def keep_boxes(sample, keep):
    """`core.sample.keep_boxes`, with the areas that only evaluation needs."""
    kept = samples.keep_boxes(sample, keep)
    if "area" in sample:
        kept["area"] = tf.boolean_mask(sample["area"], keep)
    return kept


def masks_in(serialized_records):
    """Which masks some records have, as the first one with boxes tells.

    Returns:
      (InstanceMaskType, None if unknown; whether that one has boxes without masks).
    """
    of_empty_lists = None
    for serialized in serialized_records:
        try:
            features = tf.train.Example.FromString(serialized).features.feature
        except DecodeError:
            continue  # Whoever decodes it says so.
        masks = features["image/object/mask"]
        found = _MASK_TYPES.get(masks.WhichOneof("kind"))
        if features[f"{_BOX}ymin"].float_list.value:
            some = masks.bytes_list.value or masks.float_list.value
            return (found, False) if some else (None, True)
        of_empty_lists = found or of_empty_lists
    return of_empty_lists, False


def _spec(reader, known_classes=False):
    spec = {key: tf.io.FixedLenFeature([], t, "") for key, t in _SCALARS.items()}
    spec |= IMAGE_SPEC
    lists = dict(_LISTS)
    if reader.load_instance_masks:
        png = reader.mask_type == input_reader_pb2.PNG_MASKS
        lists["image/object/mask"] = tf.string if png else tf.float32
        lists[f"image/object/{_MASK_WEIGHT}"] = tf.float32
    if reader.num_keypoints:
        lists["image/object/keypoint/x"] = tf.float32
        lists["image/object/keypoint/y"] = tf.float32
        lists["image/object/keypoint/visibility"] = tf.int64
    if reader.load_multiclass_scores:
        lists["image/object/class/multiclass_scores"] = tf.float32
    if known_classes:
        lists |= dict.fromkeys(_KNOWN.values(), tf.int64)
    if reader.load_image_classes or known_classes:
        lists[f"{_IMAGE_CLASS}text"] = tf.string
        lists[f"{_IMAGE_CLASS}label"] = tf.int64
    if reader.load_image_classes or (reader.expand_labels_hierarchy and known_classes):
        lists[_CONFIDENCE] = tf.float32
    spec.update({key: tf.io.RaggedFeature(t) for key, t in lists.items()})
    return spec


def _boxes_and_ids(features, image, label_map):
    boxes = _boxes(features, image)
    return boxes, _class_ids(features, label_map, tf.shape(boxes)[0])


def _boxes(features, image):
    """[G, 4] in pixels."""
    edges = [features[f"{_BOX}{edge}"] for edge in ("ymin", "xmin", "ymax", "xmax")]
    lengths = tf.stack([tf.size(edge) for edge in edges])
    check = require(
        tf.reduce_all(lengths == lengths[0]),
        "the lists of ymin, xmin, ymax and xmax differ in length",
        features,
    )
    shape = tf.cast(tf.shape(image)[:2], tf.float32)
    with tf.control_dependencies(check):
        return tf.stack(edges, axis=-1) * tf.tile(shape, [2])


def _class_ids(features, label_map, count):
    """[G] int32 ids as in files; 0 where there is no such class."""
    ids = _ids_below("image/object/class/", features, label_map)
    check = require(
        tf.size(ids) == count,
        "the record has not one class for each box (one without class/label needs a "
        "label map)",
        features,
    )
    with tf.control_dependencies(check):
        return tf.identity(ids)


def _image_classes(features, label_map):
    """The classes that the whole image shows: not those of confidence 0.

    An image that shows none of its classes is no fault: it has none of them to learn.
    """
    ids = _ids_below(_IMAGE_CLASS, features, label_map)
    check = require(
        tf.size(ids) > 0,
        "the record has no class of the image (image/class/label or image/class/text), "
        "and model.classifier learns nothing else",
        features,
    )
    with tf.control_dependencies(check):
        is_there = _confidences(features, tf.size(ids)) > 0
    return {"image_class_ids": tf.boolean_mask(ids, is_there) - 1}


def _confidences(features, count):
    """[count] float32 of the classes of an image: 1 where the record says nothing."""
    given = features[_CONFIDENCE]
    check = require(
        (tf.size(given) == count) | (tf.size(given) == 0),
        f"the record has not one {_CONFIDENCE} for each class of the image",
        features,
    )
    with tf.control_dependencies(check):
        given = tf.identity(given)
    return tf.cond(tf.size(given) == 0, lambda: tf.ones([count]), lambda: given)


def _known_classes(features, label_map):
    known = {name: _as_ids(features[key]) - 1 for name, key in _KNOWN.items()}
    return known | {
        "verified_classes": _ids_below(_IMAGE_CLASS, features, label_map) - 1
    }


def _as_ids(numbers):
    """int64 -> int32; one that does not fit would become some other class."""
    return tf.cast(tf.clip_by_value(numbers, 0, tf.int32.max), tf.int32)


def _ids_below(prefix, features, label_map):
    """int32 ids as in files of the texts or labels below a prefix; 0: no such class."""
    ids = _as_ids(features[f"{prefix}label"])
    if label_map is None:
        return ids
    texts = features[f"{prefix}text"]
    by_text, by_number = _by_text(texts, label_map), ids
    return tf.cond(tf.size(texts) > 0, lambda: by_text, lambda: by_number)


def _by_text(texts, label_map):
    """[G] texts -> [G] int32 ids; 0 for a text that the label map does not have.

    A lookup table would tie the input pipeline to this process, and asynchronous
    workers are others. So every text is compared with all, by hashes of 63 bits: that
    is ten times as fast as by texts.
    """
    entries = label_map.text_to_id
    keys = _hash(tf.constant(list(entries), tf.string))
    same = _hash(texts)[:, None] == keys
    ids = tf.constant(list(entries.values()), tf.int32)
    return tf.reduce_max(tf.where(same, ids, 0), axis=1)


def _hash(texts):
    return tf.strings.to_hash_bucket_fast(texts, (1 << 63) - 1)


def _box_attributes(features, boxes, reader):
    """What every box has, with defaults where the record says nothing of it."""
    count = tf.shape(boxes)[0]

    def listed(name, default):
        values = features[f"image/object/{name}"]
        return tf.cond(tf.size(values) == count, lambda: values, lambda: default)

    zeros = tf.zeros([count], tf.int64)
    size = tf.maximum(boxes[:, 2:] - boxes[:, :2], 0.0)
    ignored = tf.zeros([count], tf.bool)
    for name in ignored_flags(reader):
        ignored |= listed(name, zeros) > 0
    of_masks = {}
    if reader.load_instance_masks:
        of_masks["mask_weights"] = listed(_MASK_WEIGHT, tf.ones([count]))
    return {
        **of_masks,
        "weights": listed("weight", tf.ones([count])),
        "is_crowd": listed("is_crowd", zeros) > 0,
        "difficult": listed("difficult", zeros) > 0,
        "group_of": listed("group_of", zeros) > 0,
        "ignored": ignored,
        "area": listed("area", size[:, 0] * size[:, 1]),
    }


def _names(features, serialized):
    source_id, filename = features["image/source_id"], features["image/filename"]
    name = tf.where(source_id == "", filename, source_id)
    # A record without any name is told apart by its content.
    hashed = tf.where(name == "", serialized, name)
    image_id = tf.strings.to_hash_bucket_fast(hashed, _IMAGE_IDS)
    return {"image_id": image_id, "source_id": name}
