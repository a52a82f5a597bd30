"""Settings of a run whose number would mean nothing, or never what was meant."""

import math

from od_api.config.own_paths import refuse_unsettled
from od_api.core.errors import ConfigError

_SECONDS = ("stall_warning_seconds", "worker_silence_seconds", "cluster_start_seconds")


def refuse_meaningless(config):
    """Raises ConfigError for a rhythm, a wait or a patience that cannot work.

    And for paths that should start from a file, where there is none.
    """
    refuse_unsettled(config)
    settings = config.train_config
    if not settings.checkpoint_every_n_steps:
        raise ConfigError(
            "is 0: say how many steps lie between two checkpoints; for one at the end "
            "alone, as many as num_steps",
            "train_config.checkpoint_every_n_steps",
        )
    for field in _SECONDS:
        if math.isnan(getattr(settings, field)):
            raise ConfigError("is not a number of seconds", f"train_config.{field}")
    if not math.isfinite(settings.startup_delay_steps):
        raise ConfigError(
            "is not a number of steps: 0 starts all workers at once",
            "train_config.startup_delay_steps",
        )
    if config.eval_config.HasField("early_stopping"):
        _check_stopping(config.eval_config.early_stopping)


def _check_stopping(stopping):
    if not stopping.patience:
        raise ConfigError(
            "is 0: training would stop at its first evaluation. Set 1 or more, or "
            "remove early_stopping to train to the end",
            "eval_config.early_stopping.patience",
        )
    if not 0 <= stopping.min_delta < math.inf:
        raise ConfigError(
            f"is {stopping.min_delta:g}: set 0, or by how much a metric must rise to "
            "count as better",
            "eval_config.early_stopping.min_delta",
        )
