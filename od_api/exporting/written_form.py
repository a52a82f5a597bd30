"""What of a model is written, and for which shapes."""

from typing import NamedTuple

from od_api.config.loading import nearest
from od_api.core.errors import UserError
from od_api.engines.artefacts import (
    ENGINES,
    FLOAT32,
    INT8,
    PRECISION,
    PRECISIONS,
    SAVED_MODEL,
    check_written,
)
from od_api.exporting import int8_litert, int8_network
from od_api.exporting.calibration_images import CalibrationImages
from od_api.exporting.full_integer import TYPES
from od_api.exporting.raw_form import FORMS
from od_api.exporting.sensitivity import Sensitivity
from od_api.exporting.signature_inputs import SignatureInputs

_RAW_FORMATS = (SAVED_MODEL, *(name for name in ENGINES if ENGINES[name].has_raw))
# Its file has a program for one batch size, and on devices an image comes at a time.
_ONE_BY_ONE = "litert"
# What quantises, by format.
_QUANTISERS = {"openvino": int8_network, "litert": int8_litert}
# NNCF's own default.
_CALIBRATION_IMAGES = 300


class WrittenForm(NamedTuple):
    """Settings of an export that have nothing to do with the signature's types.

    Attributes:
      form: one of FORMS.
      precision: one of PRECISIONS, in which it computes.
      calibration_images: how many, for int8; None: _CALIBRATION_IMAGES.
      float_layers: names, or patterns of names, of layers that int8 leaves in float32.
      sensitivity: measure what each layer loses in int8 alone.
      full_integer: type of the images and outputs of a network of integers alone, one
        of TYPES of `full_integer`; None: they stay as they are.
      evaluate: measure what was exported, and the checkpoint, on the eval records.
      batch_sizes: of a format of static shapes: a program is written for each.
      image_size: (height, width) of its images; None: those of the network.
    """

    form: str = FORMS[0]
    precision: str = FLOAT32
    calibration_images: int | None = None
    float_layers: tuple = ()
    sensitivity: bool = False
    full_integer: str | None = None
    evaluate: bool = False
    batch_sizes: tuple = (1,)
    image_size: tuple | None = None

    @classmethod
    def parted(cls, options):
        """(WrittenForm, the others) of keyword arguments."""
        own = {name: options[name] for name in cls._fields if name in options}
        rest = {name: value for name, value in options.items() if name not in own}
        return cls(**{n: v for n, v in own.items() if v is not None}), rest

    @property
    def is_raw(self):
        return self.form == "raw"

    def checked(self, model_format):
        """These settings.

        Raises:
          UserError: values that cannot be, or not in this format.
        """
        if self.form not in FORMS:
            raise UserError(
                f"there is no form {self.form!r}; {nearest(self.form, FORMS)}"
            )
        if self.is_raw and model_format not in _RAW_FORMATS:
            raise UserError(f"{model_format} is written with --form detections alone")
        self._check_precision(model_format)
        if not _is_static(model_format):
            if (self.batch_sizes, self.image_size) != ((1,), None):
                static = " and ".join(filter(_is_static, ENGINES))
                raise UserError(
                    f"--batch-sizes and --image-size are for --format {static}; "
                    f"{model_format} takes batches and images of all sizes"
                )
            return self
        if model_format == _ONE_BY_ONE and self.batch_sizes != (1,):
            raise UserError(
                f"{model_format} takes an image at a time: leave out --batch-sizes"
            )
        if min((*self.batch_sizes, *(self.image_size or (1,))), default=0) < 1:
            raise UserError("batch sizes, and sizes of images, are 1 or more")
        return self._replace(batch_sizes=tuple(sorted(set(self.batch_sizes))))

    @property
    def is_exact(self):
        """Whether the limits of parity hold."""
        return self.precision == FLOAT32

    def metadata(self):
        """{key: text} of what a model says of itself."""
        return {} if self.is_exact else {PRECISION: self.precision}

    def reported(self, more):
        """{name: value} of it that parity.json has, beside the differences.

        Args:
          more: what `for_writer` gave, after the writer had it.
        """
        kept = {"float_layers": list(self.float_layers)} if self.float_layers else {}
        if self.full_integer:
            kept["full_integer"] = self.full_integer
        if self.sensitivity:
            kept["sensitivity"] = more["sensitivity"].lost
        return {} if self.is_exact else {"precision": self.precision} | kept

    def _check_precision(self, model_format):
        if self.precision not in PRECISIONS:
            raise UserError(
                f"there is no precision {self.precision!r}; "
                f"{nearest(self.precision, PRECISIONS)}"
            )
        check_written(model_format, self.precision)
        self._check_int8(model_format)
        if self.full_integer:
            self._check_full_integer(model_format)

    def _check_int8(self, model_format):
        """Refuses settings of int8 where they have no effect."""
        own = {
            "--calibration-images": self.calibration_images is not None,
            "--float-layers": self.float_layers,
            "--sensitivity": self.sensitivity,
            "--full-integer": self.full_integer,
        }
        given = [name for name, value in own.items() if value]
        if self.precision != INT8 and given:
            raise UserError(f"{given[0]} is for --precision int8")
        if self.precision == INT8 and not self.full_integer:
            _QUANTISERS[model_format].check_installed()
        if self.sensitivity and self.is_raw:
            raise UserError(
                "--sensitivity measures what detections lose: ask with --form "
                "detections, where the layers have the same names"
            )

    def _check_full_integer(self, model_format):
        if self.full_integer not in TYPES:
            raise UserError(
                f"there is no --full-integer {self.full_integer!r}; "
                f"{nearest(self.full_integer, TYPES)}"
            )
        if model_format != _ONE_BY_ONE or not self.is_raw:
            raise UserError(
                "--full-integer writes a network without decoding and suppression, "
                "which would need real numbers: set --format litert --form raw"
            )
        if self.float_layers:
            raise UserError(
                "--full-integer leaves no layer in float32: leave out --float-layers, "
                "or --full-integer"
            )

    def inputs(self, given, model_format, resizer):
        """The SignatureInputs of a format; of static shapes with the first batch size.

        Args:
          given: what was asked for.
          model_format: one of FORMATS.
          resizer: of the detector.

        Raises:
          UserError: nobody said which size images have.
        """
        if not _is_static(model_format):
            return given
        size = self.image_size or resizer.output_shape
        if size is None or None in size:
            raise UserError(
                f"{model_format} is written for images of one size, and this network "
                "takes all: name it, --image-size HEIGHT WIDTH"
            )
        shape = (self.batch_sizes[0], *size, 3)
        return SignatureInputs(given.kind, given.specs[0].name, shape)

    def for_writer(self, model_format, config):
        """Further arguments of its writer's `write`.

        Args:
          model_format: one of FORMATS.
          config: TrainEvalPipelineConfig, whose records int8 is calibrated with.

        Raises:
          UserError: there are no such records.
        """
        if self.precision == INT8:
            wanted = self.calibration_images
            number = _CALIBRATION_IMAGES if wanted is None else wanted
            images = CalibrationImages(config, number)
            if self.full_integer:
                return {"images": images, "full_integer": self.full_integer}
            asked = {"sensitivity": Sensitivity()} if self.sensitivity else {}
            return {"images": images, "in_float": self.float_layers} | asked
        sizes = _is_static(model_format) and model_format != _ONE_BY_ONE
        return {"batch_sizes": self.batch_sizes} if sizes else {}


def _is_static(model_format):
    return model_format != SAVED_MODEL and ENGINES[model_format].is_static
