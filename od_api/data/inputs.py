"""What a config's input readers feed to training and evaluation."""

import numpy as np
import tensorflow as tf

from od_api.core.errors import ConfigError, MissingFile, UserError
from od_api.core.printable import printable
from od_api.core.registry import build, part_class
from od_api.core.warn_once import warn_once
from od_api.data import guarded
from od_api.data.batch_fields import numeric
from od_api.data.check import check_records
from od_api.data.chip_index import check_chips, read_index
from od_api.data.chips import ChipCutter
from od_api.data.label_map import LabelMap
from od_api.data.order import Part
from od_api.data.pipeline import (
    checked,
    make_dataset,
    refuse_unread,
    spec_of_batches,
)
from od_api.data.preparation import Recipe
from od_api.data.read_errors import FAILURES
from od_api.data.reader_files import groups_of, refuse_nameless
from od_api.data.schemes import Schemes
from od_api.pictures.batches import draw_batch as draw_batch
from od_api.pictures.batches import draw_batches as draw_batches
from od_api.protos import image_resizer_pb2, input_reader_pb2

# So many findings of a kind are shown at a start, and these notes.
_SHOWN = 3
# Ids that are so many times as large as their number waste most of a model.
_SPARSE = 10
_TOLD = ("too_many_boxes", "ignored_boxes")
_UINT64 = 0xFFFFFFFFFFFFFFFF


class Input:
    """One input reader of a config.

    Args:
      reader: InputReader message.
      field_path: where it stands in the config, for errors.
      num_classes: K of the detector that reads it.
      training: whether it is read to train.
      image_classes: the classes of whole images are what is learnt.
      files: whether its files are named and looked at; without them there is no
        `label_map`, and `paths` is empty.

    Attributes:
      label_map: LabelMap.
      name: the reader's name, "" if it has none.

    Raises:
      ConfigError: a setting that cannot be served, or a file that is not there.
    """

    def __init__(
        self,
        reader,
        field_path,
        num_classes,
        training,
        image_classes=False,
        files=True,
    ):
        self._reader, self._training = reader, training
        if image_classes:
            self._reader = _copy(reader)
            self._reader.load_image_classes = True
        elif reader.load_image_classes:
            raise ConfigError(
                "is of use to model.classifier alone, and this model finds boxes: "
                "remove it",
                f"{field_path}.load_image_classes",
            )
        self.name = reader.name
        self.paths, self.label_map, self._groups = [], None, None
        try:
            refuse_unread(reader, training)
            if files:
                refuse_nameless(reader)
                self._groups = groups_of(reader)
                self.paths = list(dict.fromkeys(p for g in self._groups for p in g))
                self.label_map = _label_map(reader, num_classes)
        except ConfigError as error:
            raise error.within(field_path) from error

    def element_spec(self, detector, **settings):
        """The `element_spec` of `dataset`, of which no file is read.

        Raises:
          UserError: what the way from a record to a batch cannot do.
        """
        recipe, settings = self._recipe(detector, settings)
        return spec_of_batches(self._reader, recipe, **settings)

    def check(self):
        """A fast look for bad records, before anything is spent on them.

        Raises:
          UserError: with the findings that training cannot survive.
        """
        report = self.report(fast=True)
        purpose = "training" if self._training else "evaluation"
        if report.errors:
            raise UserError(
                f"the records are not fit for {purpose}:\n{report.to_text()}\n"
                "(od-api data check looks at all of them)"
            )
        lines = report.lines("warning", _SHOWN)
        lines += report.lines("note", _SHOWN, kinds=_TOLD)
        for line in lines:
            warn_once(line)

    def report(self, fast=False):
        """`check_records` of what is read."""
        return check_records(
            self.paths,
            self.label_map,
            fast=fast,
            reader=self._reader,
            training=self._training,
        )

    def refuse_masks(self, field_path):
        """Raises ConfigError where masks are to be read that the records lack."""
        try:
            checked(self._reader, self.paths, self._training)
        except ConfigError as error:
            raise error.within(field_path) from error

    def guarded(self, batches):
        """The same batches; a record that cannot be read is named.

        Raises:
          UserError: instead of TensorFlow's error.
        """
        try:
            yield from batches
        except FAILURES as error:
            explained = self.explained(error)
            raise explained from (None if explained is error else error)

    def explained(self, error):
        """`guarded.explained` of an error in reading a batch."""
        reader = checked(self._reader, self.paths[:1], self._training)
        return guarded.explained(error, self.paths, reader, self.label_map)

    def dataset(self, detector, **settings):
        """Batches for `detector`; see `Recipe` and `make_dataset` for the settings."""
        recipe, settings = self._recipe(detector, settings)
        return make_dataset(self._reader, recipe, groups=self._groups, **settings)

    def _recipe(self, detector, settings):
        """(Recipe, the settings that are of no recipe)."""
        recipe = Recipe(detector.resizer, detector.num_classes, self.label_map)
        of_recipe = {n: v for n, v in settings.items() if n in Recipe._fields}
        rest = {n: v for n, v in settings.items() if n not in Recipe._fields}
        return recipe._replace(**of_recipe), rest


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
        if self.schemes:
            # A scheme takes whole batches alone.
            self._reader = _copy(self._reader)
            self._reader.drop_remainder = True

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
        return {**seen, "augmentations": self._augmentations, "sized": sized}


class EvaluationInput(Input):
    """One eval_input_reader of a config."""

    def __init__(self, config, index, files=True):
        reader = config.eval_input_reader[index]
        path = f"eval_input_reader[{index}]"
        if reader.HasField("chips"):
            _within(path, check_chips, reader.chips, training=False)
        super().__init__(
            reader,
            path,
            num_classes_of(config),
            training=False,
            image_classes=not finds_boxes(config),
            files=files,
        )
        self._batch_size = max(config.eval_config.batch_size, 1)

    def evaluation_spec(self, detector):
        """The `element_spec` of `evaluation_dataset`, of which no file is read.

        Raises:
          UserError: as `element_spec`.
        """
        return self.element_spec(detector, batch_size=self._batch_size, training=False)

    def evaluation_dataset(self, detector):
        """Every record once, in the order of the files, the last batch kept."""
        return self.dataset(
            detector, batch_size=self._batch_size, training=False, part=Part(seed=0)
        )


def inputs_of(config):
    """{place: Input} of all input readers of a config.

    Raises:
      ConfigError: there is none, or one cannot be served.
    """
    inputs = {}
    if config.HasField("train_input_reader"):
        inputs["train_input_reader"] = TrainingInput(config)
    for i in range(len(config.eval_input_reader)):
        inputs[f"eval_input_reader[{i}]"] = EvaluationInput(config, i)
    if not inputs:
        raise ConfigError("is not set: there is no input reader", "train_input_reader")
    return inputs


def _refuse_chips(reader, static_shapes):
    """Refuses chips that cannot be cut."""
    if reader.HasField("chips"):
        _within("train_input_reader", check_chips, reader.chips, True, static_shapes)


def _chips(reader, paths):
    """The ChipIndex of a reader to train on; None where it has no chips."""
    if not reader.HasField("chips"):
        return None
    return _within("train_input_reader", read_index, reader.chips, paths)


def _within(place, check, *arguments, **settings):
    """What `check` gives for the `chips` of a reader; its errors get their place."""
    try:
        return check(*arguments, **settings)
    except ConfigError as error:
        raise error.within("chips").within(place) from error


def _copy(reader):
    copy = input_reader_pb2.InputReader()
    copy.CopyFrom(reader)
    return copy


def num_classes_of(config):
    """`num_classes` of whatever model a config has."""
    model = getattr(config.model, config.model.WhichOneof("model") or "ssd")
    return model.num_classes


def finds_boxes(config):
    """Whether the model of a config finds boxes, and not classes of whole images."""
    return getattr(part_class(config.model), "finds_boxes", True)


def label_map_path(config):
    """The label map that a model is exported with: the evaluation's, or training's."""
    for reader in [*config.eval_input_reader, config.train_input_reader]:
        if reader.label_map_path:
            return reader.label_map_path
    raise ConfigError("is not set in any input reader", "label_map_path")


def source_ids(batch):
    """Names of the images in a (possibly distributed) batch."""
    values = batch["source_id"]
    parts = getattr(values, "values", (values,))
    return [printable(name) for part in parts for name in np.ravel(part)]


def _label_map(reader, num_classes):
    try:
        label_map = LabelMap.load(reader.label_map_path)
    except UserError as error:
        raise MissingFile(str(error), "label_map_path") from error
    largest, path = label_map.num_classes, printable(reader.label_map_path)
    if largest > num_classes:
        cure = f"set num_classes to {largest}"
        if largest > _SPARSE * len(label_map.ids):
            cure += ", or number the classes from 1 (--renumber of od-api data convert)"
        raise ConfigError(
            f"{path} has ids up to {largest}, but the model's num_classes is "
            f"{num_classes}: {cure}",
            "label_map_path",
        )
    if largest < num_classes:
        warn_once(
            f"the model's num_classes is {num_classes}, but {path} has ids up to "
            f"{largest}: the model learns classes that no box has; set num_classes to "
            f"{largest} unless the weights of a checkpoint need the others"
        )
    return label_map


def _augmentations(settings):
    built = []
    for i, step in enumerate(settings.data_augmentation_options):
        try:
            built.append(build(step))
        except ConfigError as error:
            field = f"data_augmentation_options[{i}]"
            raise error.within(field).within("train_config") from error
    return built
