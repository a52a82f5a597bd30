"""Records that are in no file: what stands for a path of a TFRecord in their place."""

import tensorflow as tf

from od_api.core.errors import UserError


class CorruptRecord(UserError):
    """A record that cannot be read: the message names the file and the record."""


class RecordSource(str):
    """A set of records that are made when they are asked for; its text is its name.

    `records.py` takes it wherever it takes the path of a file. Its order is fixed, and
    a record is known by its index.

    Args:
      name: for messages.
      size: number of records.
      make: index -> bytes of a tf.Example; raises UserError.
      recipe: serialized InputReader by which another process makes the same records;
        empty where none can.
      digest: what tells them from others of the same recipe.

    Attributes:
      fault: CorruptRecord, the first one that was met; None so far.
    """

    def __new__(cls, name, size, make, recipe=b"", digest=b""):
        source = super().__new__(cls, name)
        source.size, source._make, source.fault = size, make, None
        source.recipe, source.digest = recipe, digest
        return source

    def __reduce__(self):
        # A copy in a report is the name alone.
        return str, (str(self),)

    def record(self, index):
        """The bytes of a record.

        Raises:
          CorruptRecord: it cannot be made.
        """
        try:
            return self._make(int(index))
        except UserError as error:
            fault = CorruptRecord(str(error))
            self.fault = self.fault or fault
            raise fault from error

    def made(self, index):
        """The record of an index, both scalar tensors, in the graph of a data set."""
        record = tf.numpy_function(self.record, [index], tf.string)
        return tf.ensure_shape(record, [])
