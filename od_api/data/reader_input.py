"""One input reader of a config: checked, and made into batches."""

from od_api.core.errors import ConfigError, MissingFile, UserError
from od_api.core.printable import printable
from od_api.core.warn_once import warn_once
from od_api.data import guarded
from od_api.data.check import check_records
from od_api.data.class_hierarchy import ClassHierarchy
from od_api.data.label_map import LabelMap
from od_api.data.pipeline import (
    checked,
    make_dataset,
    refuse_unread,
    spec_of_batches,
)
from od_api.data.preparation import Recipe
from od_api.data.read_errors import FAILURES
from od_api.data.reader_files import groups_of, refuse_nameless
from od_api.protos import input_reader_pb2

# So many findings of a kind are shown at a start, and these notes.
_SHOWN = 3
# Ids that are so many times as large as their number waste most of a model.
_SPARSE = 10
_TOLD = ("too_many_boxes", "ignored_boxes")


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
            self._reader = copy_of(reader)
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
                self._check_hierarchy()
        except ConfigError as error:
            raise error.within(field_path) from error

    def _check_hierarchy(self):
        """Refuses a hierarchy that the label map does not have, or of no use."""
        if self._reader.expand_labels_hierarchy:
            ClassHierarchy(self.label_map)
        if self._reader.expand_labels_hierarchy and self._reader.load_image_classes:
            raise ConfigError(
                "is for detectors, and model.classifier learns the classes that a "
                "record names: remove it",
                "expand_labels_hierarchy",
            )

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


def copy_of(reader):
    """A copy of an InputReader message."""
    copy = input_reader_pb2.InputReader()
    copy.CopyFrom(reader)
    return copy


def within(place, check, *arguments, **settings):
    """What `check` gives for the `chips` of a reader; its errors get their place."""
    try:
        return check(*arguments, **settings)
    except ConfigError as error:
        raise error.within("chips").within(place) from error


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
