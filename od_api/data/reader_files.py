"""The records that an input reader names: TFRecords, or a folder as it is."""

from od_api.core.errors import ConfigError, MissingFile, UserError
from od_api.data import records

_FILES = "tf_record_input_reader"
# As `folders.KINDS`, which is not imported here: it brings the converters.
FOLDERS = ("coco_input_reader", "voc_input_reader", "yolo_input_reader")


def refuse_nameless(reader):
    """Refuses a reader that names no records, or no label map.

    Raises:
      ConfigError: `field_path` starts in the reader.
    """
    kind = reader.WhichOneof("input_reader")
    if kind in FOLDERS:
        from od_api.data.folders import refuse_unnamed

        refuse_unnamed(reader)
    elif kind != _FILES:
        raise ConfigError(
            "is not set: name the TFRecords, or a folder as it is "
            f"({', '.join(FOLDERS)})",
            _FILES,
        )
    elif not list(reader.tf_record_input_reader.input_path):
        raise ConfigError("is empty", f"{_FILES}.input_path")
    if not reader.label_map_path:
        raise ConfigError(
            "is not set: boxes and reports need the names of the classes",
            "label_map_path",
        )


def groups_of(reader):
    """[[path, ...], ...]: one group an input_path where they are mixed by weight.

    A folder is one group of one RecordSource.

    Raises:
      ConfigError: nothing is named, or it is not there; `field_path` starts in the
        reader.
    """
    kind = reader.WhichOneof("input_reader")
    if kind in FOLDERS:
        from od_api.data.folders import open_folder

        return [[open_folder(reader)]]
    if kind != _FILES:
        raise ConfigError("is not set: name the TFRecords there", _FILES)
    patterns = list(reader.tf_record_input_reader.input_path)
    try:
        if reader.sample_from_datasets_weights:
            return [records.expand(pattern) for pattern in patterns]
        return [records.expand(patterns)]
    except UserError as error:
        raise MissingFile(str(error), f"{_FILES}.input_path") from error
