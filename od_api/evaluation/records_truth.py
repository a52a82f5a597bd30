"""Ground truth of records, or of a data set that is read as if it were records."""

import itertools

from od_api.core.errors import ConfigError, UserError
from od_api.core.printable import printable
from od_api.data import records
from od_api.data.read_errors import FAILURES, reason_of
from od_api.data.tf_example import decode, masks_in
from od_api.metrics.per_image import COLUMNS
from od_api.pictures import rle
from od_api.protos import input_reader_pb2

_KNOWN = ("verified_classes", "negative_classes", "not_exhaustive_classes")
# So many records of a file are searched for a first box.
_MASK_SEARCH = 1000


class RecordsTruth:
    """The objects of records, image by image, as `CocoTruth` has those of a file.

    Args:
      path: what the user has named, for messages.
      paths: what `records.read` takes.
      label_map: LabelMap; classes are looked up in it by their texts.

    Attributes:
      path: as above.
      ids, offset, label_map, have_masks: as of `CocoTruth`.
    """

    offset = 0

    def __init__(self, path, paths, label_map):
        self.path, self._paths, self.label_map = path, paths, label_map
        self.ids = label_map.ids
        first = (itertools.islice(records.read(p), _MASK_SEARCH) for p in paths)
        kind, unmasked = masks_in(itertools.chain.from_iterable(first))
        self.have_masks = kind is not None and not unmasked
        self._reader = input_reader_pb2.InputReader(mask_type=kind or 0)

    def images(self, with_masks):
        """As `CocoTruth.images`.

        Raises:
          UserError: a record cannot be read.
        """
        self._reader.load_instance_masks = with_masks
        for path in self._paths:
            for index, record in enumerate(records.read(path)):
                where = f"{printable(str(path))} record {index}"
                yield self._image(record, where, with_masks)

    def _image(self, record, where, with_masks):
        try:
            sample = decode(record, self._reader, self.label_map, known_classes=True)
        except (*FAILURES, ConfigError) as error:
            reason = reason_of(error) if isinstance(error, FAILURES) else error
            raise UserError(f"{where} cannot be read: {reason}") from error
        truth = {name: sample[name].numpy() for name in COLUMNS}
        truth |= {name: sample[name].numpy() for name in _KNOWN}
        if not len(truth["verified_classes"]):
            truth["verified_classes"] = None
        if with_masks:
            truth["masks"] = rle.encode(sample["masks"].numpy())
        name = sample["source_id"].numpy().decode(errors="surrogateescape")
        return name, tuple(sample["image"].shape[:2]), truth
