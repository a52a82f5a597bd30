"""Every part that a config names is built, as a run would build it."""

from od_api.checkpoints.fine_tune import fine_tune_kind
from od_api.checkpoints.restored_detector import as_inferring
from od_api.config_checks.asking import refusals
from od_api.core.registry import build, build_field
from od_api.data.schemes import Schemes
from od_api.training.start import last_step_of
from od_api.training.state import trained_variables

# Fields whose parts need to know nothing of the rest of their model.
_ALONE = (
    "image_resizer",
    "anchor_generator",
    "first_stage_anchor_generator",
    "box_coder",
)


class Parts:
    """Builds the parts of a config.

    Args:
      config: TrainEvalPipelineConfig.

    Attributes:
      errors: [ConfigError] of what cannot be built, or not be trained.
      detector: the detector; None where it cannot be built.
      evaluated: the same as evaluation and export use it, or None.
    """

    def __init__(self, config):
        self.detector = self.evaluated = None
        self.errors = list(refusals(self._build_detector, config))
        if self.detector is None:
            self.errors += _errors_beside(config)
        if trains(config):
            self.errors += self._training_errors(config)

    def _build_detector(self, config):
        self.detector = build_field(config, "model")
        self.evaluated = as_inferring(config, self.detector)

    def _training_errors(self, config):
        settings = config.train_config
        if settings.HasField("optimizer") or config.HasField("train_input_reader"):
            where = {"within": "train_config"}
            yield from refusals(build_field, settings, "optimizer", **where)
        for i, step in enumerate(settings.data_augmentation_options):
            name = f"train_config.data_augmentation_options[{i}]"
            yield from refusals(build, step, within=name)
        yield from refusals(_build_schemes, settings, self.detector)
        if self.detector is not None:
            yield from refusals(trained_variables, self.detector, settings)
        yield from refusals(last_step_of, config)
        if settings.fine_tune_checkpoint:
            yield from refusals(fine_tune_kind, settings)


def _errors_beside(config):
    """Of a model that is refused for one part, what is wrong with others."""
    kind = config.model.WhichOneof("model")
    model = getattr(config.model, kind) if kind else config
    for name in _ALONE:
        if name in model.DESCRIPTOR.fields_by_name and model.HasField(name):
            yield from refusals(build_field, model, name, within=f"model.{kind}")


def build_parts(config):
    """Builds every part that a config names, for the first error this raises."""
    for error in Parts(config).errors:
        raise error


def trains(config):
    """Whether a config says something of training."""
    return config.HasField("train_config")


def _build_schemes(settings, detector):
    schemes = Schemes(settings, settings.jit_compile)
    if schemes.observe_losses and detector is not None:
        schemes.refuse_silent(detector)
