"""Images of a config's training records, with which int8 is calibrated."""

import numpy as np
import tensorflow as tf

from od_api.core.errors import ConfigError, UserError
from od_api.core.printable import printable
from od_api.data import records, tf_example
from od_api.data.inputs import TrainingInput

# So many times the images that are wanted wait in turn to be drawn.
_DRAWN_FROM = 10
_SEED = 0


class CalibrationImages:
    """Seeded images of the train_input_reader, as they lie in their files.

    They are drawn as tf.data shuffles: its files in any order, then of ten times as
    many records as are wanted. Each iteration gives the same ones, decoded when their
    turn comes.

    Args:
      config: TrainEvalPipelineConfig.
      number: of images, 1 or more; all, where the records are fewer.

    Attributes:
      number: the same.

    Raises:
      UserError: the number is below 1, or there is no such reader or file.
    """

    def __init__(self, config, number):
        if number < 1:
            raise UserError(f"--calibration-images is 1 or more, not {number}")
        if not config.HasField("train_input_reader"):
            raise ConfigError(
                "is not set, and int8 is calibrated with images of its records",
                "train_input_reader",
            )
        self._reader, self.number = config.train_input_reader, number
        paths = TrainingInput(config).paths
        order = np.random.default_rng(_SEED).permutation(len(paths))
        self._paths = [paths[i] for i in order]

    def __iter__(self):
        """Yields uint8 [1, h, w, 3].

        Raises:
          UserError: a record that cannot be read.
        """
        stream = records.handles(self._paths)
        stream = stream.shuffle(_DRAWN_FROM * self.number, seed=_SEED)
        stream = records.resolved(stream.take(self.number), self._paths)
        try:
            for serialized in stream.map(self._image):
                yield serialized.numpy()
        except tf.errors.OpError as error:
            reason = printable(str(error.message).splitlines()[0][:300])
            raise UserError(
                f"the records of train_input_reader cannot be read: {reason}: see "
                "od-api data check"
            ) from error

    def _image(self, serialized):
        return tf_example.decode(serialized, self._reader)["image"][None]
