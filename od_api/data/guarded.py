"""What every loop over batches says of a record that cannot be read: which, and why."""

import tensorflow as tf
from absl import logging

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data import records
from od_api.data.check import errors_in
from od_api.data.read_errors import FAILURES, reason_of
from od_api.data.record_source import RecordSource
from od_api.data.tf_example import decode

# No record is to blame for these: a peer is gone, or a step was called off.
_OF_OTHERS = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)


def explained(error, paths, reader, label_map):
    """A UserError about the first record that cannot be read, looked for one by one.

    An error that no record can be blamed for is returned as it is.

    Args:
      error: one of FAILURES, from a batch.
      paths: files that it came from.
      reader: their InputReader message, with the mask type of the records.
      label_map: LabelMap or None.
    """
    if isinstance(error, _OF_OTHERS):
        return error
    if isinstance(error, tf.errors.ResourceExhaustedError):
        return UserError(
            f"a batch does not fit into the memory: {reason_of(error)}. Lower "
            "batch_size, max_number_of_boxes or the size of the image_resizer"
        )
    logging.info("a record cannot be read; looking for it")
    try:
        found = _first_bad(paths, reader, label_map)
    except records.CorruptRecord as corrupt:
        return corrupt
    if found is None:
        return UserError(
            f"a batch cannot be made: {reason_of(error)}. Every record by itself can "
            "be read (od-api data check looks closer)"
        )
    path, index, failure = found
    record = list(records.read(path, index + 1))[-1]
    reasons = errors_in(record, label_map, reader) or [reason_of(failure)]
    name = _source_id(record)
    return UserError(
        f"{printable(path)} record {index}{name} cannot be read: "
        f"{printable(reasons[0]).rstrip('.')}. "
        "Write this record again or leave it out; od-api data check finds all of them"
    )


def _first_bad(paths, reader, label_map):
    """(path, index, error) of the first record that cannot be decoded, or None.

    Raises:
      CorruptRecord: a file is damaged before any such record.
    """

    @tf.autograph.experimental.do_not_convert
    def whole(serialized):
        return decode(serialized, reader, label_map, known_classes=True)

    for path in paths:
        if isinstance(path, RecordSource) and path.fault:
            raise path.fault
        offsets, fault = records.find(path)
        stream = records.dataset([path]).take(len(offsets))
        stream = stream.map(whole, tf.data.AUTOTUNE, deterministic=True)
        index = 0
        try:
            for _ in stream:
                index += 1
        except FAILURES as error:
            # A damaged file fails here, too: then this names the record.
            for _ in records.read(path, index + 1):
                pass
            return path, index, error
        if fault:
            raise fault
    return None


def _source_id(record):
    try:
        features = tf.train.Example.FromString(record).features.feature
    except Exception:  # no tf.Example at all
        return ""
    names = [
        name
        for key in ("image/source_id", "image/filename")
        if key in features
        for name in features[key].bytes_list.value
    ]
    return f" ({printable(names[0])})" if names else ""
