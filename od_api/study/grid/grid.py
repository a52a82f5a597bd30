"""The models of a study: one compact description, expanded to named cells."""

import contextlib
import fnmatch
import itertools
import pathlib
from typing import NamedTuple

from od_api.config.loading import load_config, nearest, parse_message
from od_api.config.text_parsing import located
from od_api.core.errors import ConfigError, UserError
from od_api.core.field_ranges import refuse_ranges
from od_api.core.printable import printable
from od_api.engines.artefacts import (
    ENGINES,
    FLOAT32,
    PRECISIONS,
    SAVED_MODEL,
    check_written,
)
from od_api.protos import study_pb2, train_pb2
from od_api.system.files import read_text
from od_api.system.path_names import one_name

# The longer side's limit for a shorter side of 600 in the released models.
LONGER_SIDE = 1024 / 600

PROPOSALS = "model.faster_rcnn.first_stage_max_proposals"


class Cell(NamedTuple):
    """One model of the grid.

    Attributes:
      meta_architecture: "ssd", "faster_rcnn" or "rfcn".
      extractor: as the grid names it.
      resolution: pixels.
      stride: of the proposals' map; 0 where the config decides.
      batch_size: of training; 0 where the config decides.
      precision: a name of Precision; "" where the config decides.
      proposals: at inference; 0 without a second stage.
      config: path of the pipeline config it starts from.
      settings: overrides of the config, for training and inference.
      engine: the format of the exported model.
      inference_precision: of the exported model; "" as it comes.
    """

    meta_architecture: str
    extractor: str
    resolution: int
    stride: int
    batch_size: int
    precision: str
    proposals: int
    config: str
    settings: tuple
    engine: str = SAVED_MODEL
    inference_precision: str = ""

    @property
    def trained_name(self):
        """The name of what is trained; cells that differ at inference share it."""
        parts = [self.meta_architecture, self.extractor, str(self.resolution)]
        parts += [f"stride{self.stride}"] * bool(self.stride)
        parts += [f"batch{self.batch_size}"] * bool(self.batch_size)
        return "_".join(parts + [self.precision.lower()] * bool(self.precision))

    @property
    def name(self):
        """The cell's name, e.g. faster_rcnn_resnet101_600_stride8_proposals50."""
        parts = [self.trained_name]
        parts += [f"proposals{self.proposals}"] * bool(self.proposals)
        parts += [self.engine] * (self.engine != SAVED_MODEL)
        lower = self.inference_precision
        return "_".join(parts + [lower] * bool(lower))

    def training_config(self):
        """The pipeline config that the cell's model is trained with."""
        return load_config(self.config, self.settings)

    def inference_config(self):
        """The same with the cell's number of proposals."""
        proposals = [f"{PROPOSALS}={self.proposals}"] if self.proposals else []
        return load_config(self.config, [*self.settings, *proposals])


def load_grid(path, overrides=()):
    """{name: Cell} of a grid file, in its order.

    Args:
      path: a text StudyGrid.
      overrides: settings of every cell, over those of the grid.

    Raises:
      UserError: no such file, two cells of one name, none of a name that is left out,
        or values that cannot be.
      ConfigError: a mistake in the text, with file, line and column.
    """
    grid, cells = _read(path), {}
    folder = pathlib.Path(path).parent
    for index, block in enumerate(grid.blocks):
        with _placed(f"{path}: blocks[{index}]"):
            found = list(_cells_of(block, folder, grid.set, overrides))
        for cell in found:
            if cell.name in cells:
                raise UserError(
                    f"{printable(path)} has two cells of the name {cell.name}"
                )
            cells[cell.name] = cell
    with _placed(f"{path}: exclude"):
        excluded = [name for p in grid.exclude for name in cells_like(cells, p)]
    left = {name: cell for name, cell in cells.items() if name not in excluded}
    for name, cell in left.items():
        with _placed(f"{path}: {name}"):
            check_written(cell.engine, cell.inference_precision or FLOAT32)
    return left


@contextlib.contextmanager
def _placed(place):
    """Puts the place before errors that have none."""
    try:
        yield
    except ConfigError:
        raise
    except UserError as error:
        raise UserError(f"{printable(place)}: {error}") from error


def cells_like(cells, pattern):
    """The names that a shell pattern, or a name, stands for; UserError if none."""
    if not fnmatch.filter(cells, pattern):
        find_cell(cells, pattern)
    return fnmatch.filter(cells, pattern)


def scenes_of(path):
    """The SyntheticScenes that a grid file wants made, or None."""
    grid = _read(path)
    return grid.synthetic_scenes if grid.HasField("synthetic_scenes") else None


def _read(path):
    path = pathlib.Path(path)
    grid = study_pb2.StudyGrid()
    text = read_text(path, "grid")
    parse_message(text, grid, str(path))
    try:
        refuse_ranges(grid)
    except ConfigError as error:
        raise located(error, text, path) from error
    return grid


def find_cell(cells, name):
    """The cell of a name; UserError names the nearest if there is none."""
    if name not in cells:
        raise UserError(f"the grid has no cell {name!r}; {nearest(name, cells)}")
    return cells[name]


def _cells_of(block, folder, common, overrides):
    settings = _SETTINGS.get(block.meta_architecture)
    if settings is None:
        raise UserError(
            f"meta_architecture is {block.meta_architecture!r}; it is one of "
            f"{', '.join(_SETTINGS)}"
        )
    one_name(block.extractor, "extractor of a block")
    precisions = [train_pb2.Precision.Name(value) for value in block.precision]
    axes = (
        block.resolution,
        block.stride or [0],
        block.batch_size or [0],
        precisions or [""],
        block.proposals or [0],
        _known(block.engine, "engine", (SAVED_MODEL, *ENGINES)) or [SAVED_MODEL],
        _known(block.inference_precision, "inference_precision", PRECISIONS) or [""],
    )
    for values in itertools.product(*axes):
        resolution, stride, batch_size, precision, proposals, engine, lower = values
        training = _training(batch_size, precision)
        yield Cell(
            meta_architecture=block.meta_architecture,
            extractor=block.extractor,
            resolution=resolution,
            stride=stride,
            batch_size=batch_size,
            precision=precision,
            proposals=proposals,
            engine=engine,
            inference_precision=lower,
            config=str(folder / block.config),
            settings=(
                *common,
                *settings(resolution, stride, block.stride_field),
                *training,
                *block.set,
                *overrides,
            ),
        )


def _training(batch_size, precision):
    training = [f"train_config.batch_size={batch_size}"] * bool(batch_size)
    return training + [f"train_config.precision={precision}"] * bool(precision)


def _known(values, what, known):
    """The values of an axis; UserError for one that is none of these."""
    for value in values:
        if value not in known:
            raise UserError(f"there is no {what} {value!r}; {nearest(value, known)}")
    return values


def _ssd_settings(resolution, stride, stride_field):
    if stride:
        raise UserError("a block of ssd has no stride: its extractor's type decides")
    return [
        "model.ssd.image_resizer={fixed_shape_resizer "
        f"{{height: {resolution} width: {resolution}}}}}"
    ]


def _two_stage_settings(resolution, stride, stride_field):
    longer = round(resolution * LONGER_SIDE)
    settings = [
        "model.faster_rcnn.image_resizer={keep_aspect_ratio_resizer "
        f"{{min_dimension: {resolution} max_dimension: {longer}}}}}"
    ]
    if stride:
        anchors = "model.faster_rcnn.first_stage_anchor_generator.grid_anchor_generator"
        settings += [
            f"{stride_field}={stride}",
            f"{anchors}.height_stride={stride}",
            f"{anchors}.width_stride={stride}",
        ]
    return settings


_SETTINGS = {
    "ssd": _ssd_settings,
    "faster_rcnn": _two_stage_settings,
    "rfcn": _two_stage_settings,
}
