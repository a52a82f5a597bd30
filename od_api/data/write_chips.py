"""`od-api data chips`: the index of all chips of a config's training records."""

import os
import pathlib

import numpy as np

from od_api.core import ranges
from od_api.core.errors import ConfigError, UserError
from od_api.core.printable import printable
from od_api.data.chip_index import check_chips, write_index
from od_api.data.chips import ChipChoice
from od_api.data.inputs import Input, num_classes_of

_PLACE = "train_input_reader"


def write_chips(config, seed=0):
    """Chooses the chips of each record, and writes them to `chips.index_path`.

    Args:
      config: TrainEvalPipelineConfig.
      seed: int, at least 0; the same one gives the same file.

    Returns:
      What was written, for people.

    Raises:
      UserError: there are no chips in the config, its records cannot be read, or no
        record has any chip.
    """
    reader, message = config.train_input_reader, config.train_input_reader.chips
    _check_seed(seed)
    path = _path(reader)
    source = Input(reader, _PLACE, num_classes_of(config), training=True)
    source.check()
    choice = ChipChoice(reader, source.label_map, num_classes_of(config), seed)
    chips, first = [], 0
    for file in source.paths:
        chips.append(list(source.guarded(choice.of_file(file, first))))
        first += len(chips[-1])
    of_records = [one for file in chips for one in file]
    if not sum(map(len, of_records)):
        raise ConfigError(
            "have no object of their sizes in any record: change low and high",
            f"{_PLACE}.chips.scales",
        )
    write_index(path, message, source.paths, chips, seed)
    return _summary(path, of_records, len(message.scales))


def _check_seed(seed):
    """Raises UserError for a seed that NumPy does not take."""
    try:
        ranges.at_least("--seed", seed, 0, 2**63)
    except ranges.RangeError as error:
        raise UserError(str(error)) from error


def _path(reader):
    """Where the index goes."""
    if not reader.HasField("chips"):
        raise ConfigError(
            "is not set: say there which scales there are, and where the index goes",
            f"{_PLACE}.chips",
        )
    try:
        check_chips(reader.chips, training=True)
        path = reader.chips.index_path
        if not path:
            raise ConfigError("is not set: the index goes there", "index_path")
        if pathlib.Path(path).is_dir():
            raise ConfigError(f"{printable(path)} is a folder", "index_path")
        folder = os.path.dirname(path) or "."
        if not os.path.isdir(folder):
            raise ConfigError(f"there is no folder {printable(folder)}", "index_path")
    except ConfigError as error:
        raise error.within("chips").within(_PLACE) from error
    return path


def _summary(path, chips, num_scales):
    total = sum(map(len, chips))
    none = sum(not len(one) for one in chips)
    scales = np.concatenate(chips)[:, 0]
    lines = [
        f"{printable(path)}: {total} chips of {len(chips)} records, "
        f"{total / len(chips):.2f} a record; {none} records have none"
    ]
    lines += [f"  scale {i}: {np.sum(scales == i)}" for i in range(num_scales)]
    return "\n".join(lines)
