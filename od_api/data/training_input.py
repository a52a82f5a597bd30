"""What a config's train_input_reader feeds to training."""

import numpy as np
import tensorflow as tf

from od_api.core.errors import ConfigError
from od_api.core.registry import build
from od_api.data.batch_fields import numeric
from od_api.data.chip_index import check_chips, read_index
from od_api.data.chips import ChipCutter
from od_api.data.class_scores import class_scores_of
from od_api.data.config_classes import finds_boxes, num_classes_of
from od_api.data.order import Part
from od_api.data.reader_input import Input, copy_of, within
from od_api.data.schemes import Schemes
from od_api.protos import image_resizer_pb2

_UINT64 = 0xFFFFFFFFFFFFFFFF


class TrainingInput(Input):
    """The train_input_reader of a config, with its augmentations and batch schemes.

    Attributes:
      schemes: Schemes: a step reads `schemes.records` images.
      chips: ChipIndex of the parts of images that are seen; None: whole images.
    """

    def __init__(self, config, files=True):
        reader = config.train_input_reader
        super().__init__(
            reader,
            "train_input_reader",
            num_classes_of(config),
            training=True,
            image_classes=not finds_boxes(config),
            files=files,
        )
        self._settings = config.train_config
        _refuse_chips(reader, self._settings.jit_compile)
        self.chips = _chips(reader, self.paths) if files else None
        self._augmentations = _augmentations(config.train_config)
        self.schemes = Schemes(self._settings, self._settings.jit_compile)
        self._reader = copy_of(self._reader)
        if self.schemes:
            # A scheme takes whole batches alone.
            self._reader.drop_remainder = True
        if self._settings.use_multiclass_scores:
            self._reader.load_multiclass_scores = True

    def training_dataset(self, detector, start_step, share=(0, 1)):
        """Endless batches from `start_step` on, the same ones for the same seed.

        Args:
          detector: what is trained.
          start_step: steps done before.
          share: (index, count) of a worker that trains in step with others: it gets its
            rows of these batches, records / count of each.
        """
        part = Part(seed=self._settings.seed, start_step=start_step, share=share)
        return self._batches(detector, part)

    def shown(self, batches, start_step, schemes):
        """Batches from `start_step` on as the network sees them, for pictures.

        Schemes that learn from losses are taken as they are now, at `start_step`.
        """
        for step, batch in enumerate(batches, start_step):
            if schemes:
                seed = tf.cast(np.array([self._settings.seed, step]), tf.int32)
                batch = schemes(numeric(batch), seed)
            yield batch

    def worker_dataset(self, detector, index, count, start_step):
        """Endless batches of one asynchronous worker, each of all a step's images.

        The workers share the files, or the records where there are fewer files than
        workers. Their order and augmentation depend on the seed, the worker and
        `start_step`: a run that is resumed goes on with another order, since nobody
        knows how far each worker had come. A worker that is started again begins its
        order anew; the records of one that is gone are not read by the others.

        Args:
          detector: what is trained.
          index: of the worker; a scalar integer tensor where one `tf.function` makes
            the data sets of all workers.
          count: workers there are.
          start_step: steps done before, by all of them.

        Raises:
          ConfigError: an augmentation that other processes cannot run.
        """
        mixed = np.random.SeedSequence([self._settings.seed & _UINT64, start_step])
        low, high = (int(part) for part in mixed.generate_state(2))
        seed = low | (high & 0x3FFFFFFF) << 32
        part = Part(seed=seed, shard=(index, count), portable=True)
        return self._batches(detector, part)

    def training_spec(self, detector):
        """The `element_spec` of the batches that training sees, of which none is read.

        Raises:
          UserError: as `element_spec`.
        """
        seen = self._seen(detector)
        batch = {"batch_size": self.schemes.records, "training": True}
        return self.element_spec(detector, **seen, **batch)

    def _batches(self, detector, part):
        return self.dataset(
            detector,
            **self._seen(detector),
            batch_size=self.schemes.records,
            index=self.chips,
            training=True,
            part=part,
        )

    def _seen(self, detector):
        """What becomes of a record on its way to the network, as of a Recipe."""
        seen = {"resizer": detector.resizer}
        if self._reader.HasField("chips"):
            # Of the size that their scale gives them.
            resizer = build(image_resizer_pb2.IdentityResizer())
            seen = {"resizer": resizer, "chips": ChipCutter(self._reader.chips)}
        sized = self.schemes.sized(seen["resizer"])
        return {
            **seen,
            "augmentations": self._augmentations,
            "sized": sized,
            "class_scores": class_scores_of(self._settings, detector),
        }


def _refuse_chips(reader, static_shapes):
    """Refuses chips that cannot be cut."""
    if reader.HasField("chips"):
        within("train_input_reader", check_chips, reader.chips, True, static_shapes)


def _chips(reader, paths):
    """The ChipIndex of a reader to train on; None where it has no chips."""
    if not reader.HasField("chips"):
        return None
    return within("train_input_reader", read_index, reader.chips, paths)


def _augmentations(settings):
    built = []
    for i, step in enumerate(settings.data_augmentation_options):
        try:
            built.append(build(step))
        except ConfigError as error:
            field = f"data_augmentation_options[{i}]"
            raise error.within(field).within("train_config") from error
    return built
