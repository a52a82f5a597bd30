"""TensorBoard event files, without TensorBoard.

`tf.summary.scalar` and `image` belong to the tensorboard package, which TensorFlow no
longer brings. The file format is TensorFlow's own: a tensor, and the name of the plugin
that shows it.
"""

import contextlib
import os
import tempfile

import numpy as np
import tensorflow as tf

from od_api.core.errors import UserError
from od_api.core.printable import printable


class Summaries:
    """Writes scalars and images of one run (`<model_dir>/train`, `.../eval/<name>`).

    A context manager; closing flushes. Usable from one process at a time. Where the
    disk is full, or the folder forbidden, any call may raise a UserError.

    Args:
      directory: where the event file goes; made if absent.
      enabled: False writes nothing.
    """

    def __init__(self, directory, enabled=True):
        self._directory, self._enabled = os.fspath(directory), enabled
        with self._disk_errors():
            if enabled:
                self._writer = tf.summary.create_file_writer(self._directory)
            else:
                self._writer = tf.summary.create_noop_writer()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        try:
            self.close()
        except UserError:
            if error[0] is None:  # What went wrong before says more.
                raise

    @classmethod
    def rehearse(cls):
        """Writes and closes once, in a folder that goes away (Checkpoints.rehearse)."""
        with tempfile.TemporaryDirectory() as folder, cls(folder) as summaries:
            summaries.scalar("rehearsal", 0.0, 0)
            summaries.flush()

    def scalar(self, tag, value, step):
        """One number: a Python number or a scalar tensor."""
        metadata = _metadata("scalars", "DATA_CLASS_SCALAR")
        self._write(tag, tf.cast(value, tf.float32), step, metadata)

    def scalars(self, values, step):
        """{tag: number}, all of one step."""
        for tag, value in values.items():
            self.scalar(tag, value, step)

    def image(self, tag, images, step):
        """A row of pictures.

        Args:
          tag: name.
          images: [k, h, w, 3] uint8.
          step: int.

        Raises:
          ValueError: another shape or type.
        """
        images = np.asarray(images)
        if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
            raise ValueError(
                f"image summary {tag}: {images.dtype} {list(images.shape)} must be "
                "uint8 [k, h, w, 3]"
            )
        height, width = images.shape[1:3]
        pictures = [tf.io.encode_png(image).numpy() for image in images]
        # The plugin wants the size as text in front of the pictures.
        tensor = tf.constant([str(width), str(height), *pictures], tf.string)
        self._write(tag, tensor, step, _metadata("images", "DATA_CLASS_BLOB_SEQUENCE"))

    def flush(self):
        """Make everything written so far visible to readers."""
        with self._disk_errors():
            self._writer.flush()

    def close(self):
        """Flush and close; nothing can be written afterwards."""
        with self._disk_errors():
            self._writer.close()

    def _write(self, tag, tensor, step, metadata):
        # Without a writer of its own it would write to the process's default one, and
        # TensorFlow leaves a writer that failed as that.
        if not self._enabled:
            return
        with (
            self._disk_errors(),
            self._writer.as_default(),
            tf.summary.record_if(True),
        ):
            tf.summary.write(tag, tensor, step=int(step), metadata=metadata)

    @contextlib.contextmanager
    def _disk_errors(self):
        try:
            yield
        except tf.errors.OpError as error:
            reason = (error.message or str(error)).splitlines()[0]
            raise UserError(
                f"cannot write event files to {printable(self._directory)}: "
                f"{reason.rpartition('; ')[2]}. Free disk space (or mend the "
                "permissions), then start the same command again"
            ) from error


def _metadata(plugin, data_class):
    metadata = tf.compat.v1.SummaryMetadata(data_class=data_class)
    # No content beside the name means version 0 of the plugin's own message.
    metadata.plugin_data.plugin_name = plugin
    return metadata
