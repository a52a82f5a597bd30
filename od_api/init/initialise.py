"""From a data set to a folder with records, a label map and a config that trains."""

import copy
import dataclasses
import time
from pathlib import Path

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.init import batch_search, data_kinds
from od_api.init.coco_parts import coco_parts
from od_api.init.config_text import config_text
from od_api.init.data_facts import facts_of
from od_api.init.detector_choices import DEFAULT, chosen, input_size, model_of
from od_api.init.filled_config import (
    Filling,
    RecordFiles,
    set_detector,
    set_readers,
    set_training,
)
from od_api.init.fitted_anchors import anchor_field, fit_anchors
from od_api.init.part_names import TEST, TRAIN, VAL
from od_api.init.parting import parted
from od_api.init.recipe import batch_for, kind_of_detector, recipe
from od_api.init.record_parts import record_parts
from od_api.init.typed_extractor import typed_backbone
from od_api.init.voc_parts import voc_parts
from od_api.init.weights_choice import IMAGENET, chosen_weights, kept_weights
from od_api.init.written_data import write_parts
from od_api.init.yolo_parts import yolo_parts
from od_api.system.new_folders import appears_whole, check_new_folder

CONFIG, LABEL_MAP, DATA = "pipeline.config", "label_map.pbtxt", "data"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wishes:
    """What the user may say.

    Attributes:
      detector: a name of `detector_choices`.
      kind: COCO, VOC, YOLO or RECORDS; None: it is told by the files.
      images, names: where these are, if they are not found.
      val_fraction, seed: of the split, where there is none.
      weights: `imagenet`, `none` or a path.
      num_steps, batch_size, size: in place of what is chosen; a batch that is given is
        not tried.
      skip_bad_images: leaves them out.
    """

    detector: str = DEFAULT
    kind: str | None = None
    images: str | None = None
    names: str | None = None
    val_fraction: float = 0.2
    seed: int = 0
    weights: str = IMAGENET
    num_steps: int | None = None
    batch_size: int | None = None
    size: tuple | None = None
    skip_bad_images: bool = False


def initialise(data, out, wishes=None, say=print):
    """Makes a folder with records, label map and config; whole or not at all.

    Args:
      data: the folder of a data set, or its COCO JSON, data.yaml or TFRecord.
      out: folder to create.
      wishes: Wishes.
      say: called with sentences about what is found, chosen and done.

    Returns:
      Path of the config.

    Raises:
      UserError: there is no such data set, it cannot be used, or `out` is there.
    """
    wishes, out = wishes or Wishes(), Path(out)
    check_new_folder(out)
    choice = chosen(wishes.detector)
    _check_size(choice, wishes.size)
    found = find_parts(data, wishes)
    parts, notes = parted(found, wishes.val_fraction, wishes.seed)
    _say_what_was_found(parts, found.label_map, notes, say)
    weights = chosen_weights(wishes.weights, choice, say)
    say(f"weights: {weights.note}")
    with appears_whole(out) as folder:
        (folder / DATA).mkdir()
        written = write_parts(
            parts, found, folder / DATA, skip_bad_images=wishes.skip_bad_images
        )
        found.label_map.save(folder / LABEL_MAP)
        kept = kept_weights(weights, folder)
        work = _Work(choice, wishes, kept, found.label_map, written, folder)
        text = work.config_text(say)
        (folder / CONFIG).write_text(text, "utf-8")
    return out / CONFIG


def find_parts(data, wishes):
    """FoundParts of a data set; see `initialise`."""
    files = data_kinds.Files(data)
    kind = data_kinds.kind_of(files, wishes.kind)
    if kind == data_kinds.COCO:
        return coco_parts(files, wishes.images)
    if kind == data_kinds.VOC:
        return voc_parts(files, wishes.images)
    if kind == data_kinds.YOLO:
        return yolo_parts(files, wishes.images, wishes.names)
    return record_parts(files, wishes.names)


def _check_size(choice, size):
    resizer = model_of(choice.config()).image_resizer
    kind = resizer.WhichOneof("image_resizer_oneof")
    if size and kind != "fixed_shape_resizer":
        raise UserError(
            f"{choice.name} keeps the shape of images, and has no one --size: set "
            "image_resizer in the config"
        )


def _say_what_was_found(parts, label_map, notes, say):
    counts = ", ".join(f"{len(items)} to {_FOR[p]}" for p, items in parts.items())
    names = label_map.names
    some = ", ".join(names[:8]) + (", ..." if names[8:] else "")
    say(f"images: {counts}")
    say(f"{len(names)} class{'es' * (len(names) > 1)}: {printable(some)}")
    for note in notes:
        say(f"note: {printable(note)}")


_FOR = {TRAIN: "train on", VAL: "evaluate on", TEST: "keep for a test at the end"}


class _Work:
    """Makes the config of what was written.

    Args:
      choice: Choice of the detector.
      wishes: Wishes.
      weights: Weights, kept in the folder.
      label_map: LabelMap.
      written: {part: WrittenPart}.
      folder: Path of the folder that they were written to.
    """

    def __init__(self, choice, wishes, weights, label_map, written, folder):
        self._choice, self._wishes, self._weights = choice, wishes, weights
        self._label_map, self._written, self._folder = label_map, written, folder
        parts = TRAIN, VAL
        self._train, self._val = (
            facts_of(written[part].within(folder / DATA)) for part in parts
        )
        self._anchors = None

    def config_text(self, say):
        """The text of the config, for the folder that it lies in."""
        batch, seconds = self._wishes.batch_size, None
        if batch is None:
            kind = kind_of_detector(model_of(self._choice.config()))
            first = batch_for(kind, self._train.images)
            found = batch_search.found_batch(self._write, first, say)
            batch, seconds = found.size, found.seconds
        config, filling = self._made(batch, Path())
        fit = self._anchors[1]
        size = input_size(model_of(config), self._train.image_size)
        _say_what_was_chosen(config, fit, seconds, say)
        return config_text(config, self._choice, filling, fit, size)

    def _write(self, batch, path):
        """A config for a trial, on the data where they are now."""
        path.write_text(str(self._made(batch, self._folder.absolute())[0]), "utf-8")

    def _made(self, batch, folder):
        """(config, Filling) for a batch, and data below a folder.

        A relative folder starts from the config's own.
        """
        config = self._choice.config()
        model = model_of(config)
        kind, steps = kind_of_detector(model), self._wishes.num_steps
        filling = Filling(
            num_classes=self._label_map.num_classes,
            class_names=self._label_map.names,
            train=self._train,
            val=self._val,
            weights=self._weights.within(folder),
            recipe=recipe(kind, self._train.images, batch, steps),
            size=self._wishes.size,
        )
        set_detector(model, filling)
        self._set_anchors(model)
        set_training(config, filling)
        records = [self._written[p].within(folder / DATA) for p in (TRAIN, VAL)]
        set_readers(config, RecordFiles(str(folder / LABEL_MAP), *records), filling)
        return config, filling

    def _set_anchors(self, model):
        """Fits them once: they do not depend on the batch."""
        slot = getattr(model, anchor_field(model))
        if self._anchors is None:
            size = input_size(model, self._train.image_size)
            backbone = typed_backbone(model).WhichOneof("backbone_oneof")
            fit = fit_anchors(model, size, self._train.boxes, backbone)
            self._anchors = copy.deepcopy(slot), fit
        slot.CopyFrom(self._anchors[0])


def _say_what_was_chosen(config, fit, seconds, say):
    train = config.train_config
    if fit and fit.changed:
        say(
            "anchors: fitted to the boxes (mean IoU with the best one "
            f"{fit.before:.2f} before, {fit.after:.2f} now)"
        )
    text = f"training: {train.num_steps} steps of {train.batch_size} images"
    if seconds is not None:
        took = time.strftime("%H:%M:%S", time.gmtime(seconds * train.num_steps))
        text += f", about {took} on this machine besides evaluations"
    say(text)
