"""From an input reader's files to batches: read, decode, augment, resize, pad.

Images stay 0..255 here; the network normalises. Shuffling and augmentation are pure
functions of the seed and the number of the step (`order.py`), whatever threads do.
"""

import tensorflow as tf
from absl import logging

from od_api.core.errors import ConfigError, MissingPart
from od_api.data import order, records
from od_api.data.order import WHOLE
from od_api.data.portable import traced_to_send
from od_api.data.preparation import PER_BOX, Preparation
from od_api.data.reader_files import groups_of
from od_api.data.tf_example import masks_in
from od_api.protos import input_reader_pb2

_CONTEXT = "Context R-CNN's memory of other frames"
_UNSUPPORTED = {
    "load_context_features": _CONTEXT,
    "load_context_image_ids": _CONTEXT,
    "load_dense_pose": "DensePose's surface coordinates",
    "load_keypoint_depth_features": "depths of keypoints",
    "load_track_id": "tracks",
    "num_additional_channels": "channels beside red, green and blue",
    "use_keypoint_label_map": "keypoints by their names",
}
# Sources that are mixed get seeds far apart (a prime near 2^32 / golden ratio).
_SEED_STEP = 2654435761
# So many records of a file are searched for a first box.
_MASK_SEARCH = 1000


def make_dataset(
    reader, recipe, *, batch_size, training, part=WHOLE, index=None, groups=None
):
    """Batches of padded images and boxes, as `batch_fields.py` describes them.

    Training goes on without end (or for num_epochs), shuffled; G is
    max_number_of_boxes, and boxes beyond it are cut off. Evaluation sees every record
    once, in the order of the files, with all its boxes: G is the largest number in the
    batch, at least 1.

    Args:
      reader: InputReader message.
      recipe: Recipe: what becomes of each record.
      batch_size: images a batch, of all workers that share it.
      training: as above.
      part: Part of the stream that is read here.
      index: ChipIndex of the reader's files, for training; None: whole images.
      groups: `reader_files.groups_of` the reader, where somebody has them already.

    Returns:
      tf.data.Dataset of dicts.

    Raises:
      ConfigError: a setting that cannot be served; `field_path` starts in the reader.
        Or a batch that cannot be shared, or a step that is not portable; `field_path`
        starts at the root.
      UserError: missing or empty files.
    """
    part = part.seeded()
    groups = groups or groups_of(reader)
    reader, stream = _numbered(reader, groups, batch_size, training, part, index)
    prepare = Preparation(reader, recipe, training, seed=(part.seed, part.shard[0]))
    # No part needs autograph, and converting every augmentation takes seconds.
    prepare = tf.autograph.experimental.do_not_convert(prepare.__call__)
    if part.portable:
        prepare = traced_to_send(prepare, stream.element_spec)
    data = stream.map(prepare, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return _batched(data, batch_size // part.share[1], reader, training)


def spec_of_batches(reader, recipe, *, batch_size, training):
    """The `element_spec` of `make_dataset`, of whose files none is read.

    Args: as `make_dataset`.

    Raises:
      UserError: what some step on the way cannot do.
    """
    record = (tf.constant(0, tf.int64), tf.constant(b""))
    if recipe.chips is not None:
        record += (tf.zeros([5], tf.int32),)
    stream = tf.data.Dataset.from_tensors(record)
    prepare = Preparation(reader, recipe, training, seed=(0, 0))
    prepare = tf.autograph.experimental.do_not_convert(prepare.__call__)
    return _batched(stream.map(prepare), batch_size, reader, training).element_spec


def _numbered(reader, groups, batch_size, training, part, index):
    """(reader as it is checked, dataset of (position, serialized tf.Example, chip)).

    The chip is there where an index of them is.
    """
    reader = checked(reader, [group[0] for group in groups], training)
    start = part.start_step * batch_size if training else 0
    if training:
        source = _training_order(groups, reader, part, index)
        stream = source.stream(start)
    else:
        paths = [path for group in groups for path in group]
        every = max(reader.sample_1_of_n_examples, 1)
        stream = order.file_order(paths, part.shard, every)
    stream = stream.enumerate(start)
    if index:
        stream = stream.map(lambda position, both: (position, *both))
    stream = order.share_of(stream, batch_size, part.share)
    return reader, records.resolved(stream, groups[0], 1, part.portable)


def _batched(data, batch_size, reader, training):
    """Prepared images in batches, padded to the largest one."""
    rows = reader.max_number_of_boxes if training else None
    data = data.padded_batch(
        batch_size,
        _batch_shapes(data.element_spec, rows),
        drop_remainder=training and reader.drop_remainder,
    )
    return data.with_options(_options()).prefetch(tf.data.AUTOTUNE)


def _training_order(groups, reader, part, index):
    seed = part.seed
    sources = [
        order.ShuffledSource(paths, reader, seed + i * _SEED_STEP, part.shard, index)
        for i, paths in enumerate(groups)
    ]
    if not reader.sample_from_datasets_weights:
        return sources[0]
    return order.MixedSources(sources, list(reader.sample_from_datasets_weights), seed)


def refuse_unread(reader, training):
    """Refuses a reader whose settings ask for what is not read, whatever its files.

    Args:
      reader: InputReader message.
      training: whether it trains.

    Raises:
      ConfigError: with the field; the path starts in the reader.
    """
    for name in _UNSUPPORTED:
        if getattr(reader, name):
            raise MissingPart(
                f"od_api does not read {_UNSUPPORTED[name]}: remove the field to train "
                "on images and boxes alone",
                name,
            )
    if reader.input_type == input_reader_pb2.TF_SEQUENCE_EXAMPLE:
        raise MissingPart(
            "TF_SEQUENCE_EXAMPLE is part of the schema, but od_api has no "
            "implementation of it yet: write tf.Example records, one a frame",
            "input_type",
        )
    if training and reader.max_number_of_boxes < 1:
        raise ConfigError(
            f"must be at least 1, not {reader.max_number_of_boxes}",
            "max_number_of_boxes",
        )
    if training and reader.sample_from_datasets_weights:
        inputs = len(reader.tf_record_input_reader.input_path)
        order.check_weights(list(reader.sample_from_datasets_weights), inputs)


def checked(reader, paths, training):
    """A copy of the reader with the mask type that the records in `paths` have.

    Raises:
      ConfigError: as `refuse_unread`, or masks that are missing or of another type.
    """
    refuse_unread(reader, training)
    checked = input_reader_pb2.InputReader()
    checked.CopyFrom(reader)
    if reader.load_instance_masks:
        checked.mask_type = _mask_type(reader, paths)
    return checked


def _mask_type(reader, paths):
    """The reader's mask_type, or what the records have where it does not say.

    The schema's default is NUMERICAL_MASKS, while the data set tools write PNG.
    """
    types = {path: kind for path in paths if (kind := _masks_of(path)) is not None}
    stated = reader.mask_type if reader.HasField("mask_type") else 0
    name = input_reader_pb2.InstanceMaskType.Name
    wanted = stated or next(iter(types.values()), input_reader_pb2.NUMERICAL_MASKS)
    for path, found in types.items():
        if found != wanted:
            raise ConfigError(
                f"{path} has masks of another type: {name(found)}", "mask_type"
            )
    if types and not stated:
        logging.info("mask_type is not set; the records have %s", name(wanted))
    return wanted


def _masks_of(path):
    """The InstanceMaskType of a file's first masks; None if it begins without boxes."""
    # Eagerly, although a worker's data set may be made inside a `tf.function`.
    with tf.init_scope():
        found, unmasked = masks_in(records.read(path, _MASK_SEARCH))
    if unmasked:
        raise ConfigError(
            f"{path} has boxes without masks: convert it with --include-masks, or "
            "set this to false",
            "load_instance_masks",
        )
    return found


def _batch_shapes(spec, rows):
    """Shapes for padded_batch: `rows` boxes, or as many as the batch needs for None."""
    return {
        name: [rows, *part.shape[1:]] if name in PER_BOX else part.shape
        for name, part in spec.items()
    }


def _options():
    options = tf.data.Options()
    options.deterministic = True
    options.experimental_optimization.parallel_batch = True
    # The shards are made here; a strategy must not divide them once more.
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.OFF
    )
    return options
