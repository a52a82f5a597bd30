"""Which learning rate to try where training has diverged."""

import contextlib

from od_api.checkpoints.finite_weights import TrainingDiverged

# Rates that are too high are seldom so by less than 2 or more than 10.
_SHARE = 0.1


@contextlib.contextmanager
def naming_a_rate(optimizer, rates):
    """TrainingDiverged gets the rate to try, and where to set it.

    Args:
      optimizer: Optimizer, the message.
      rates: () -> the learning rates of the steps so far.
    """
    try:
        yield
    except TrainingDiverged as error:
        advice = rate_to_try(optimizer, max(rates(), default=0.0))
        raise TrainingDiverged(
            f"{error}. {advice}" if advice else str(error)
        ) from error


def rate_to_try(optimizer, highest):
    """A sentence; "" where no rate was above 0.

    Args:
      optimizer: Optimizer, the message.
      highest: the highest rate of the steps that were taken.
    """
    if not highest > 0:
        return ""
    path, schedule = _schedule(optimizer)
    said = f"The learning rate was up to {highest:.3g}: try {highest * _SHARE:.2g}"
    lowered = "".join(
        f" --set {path}.{field}={value * _SHARE:.2g}"
        for field, value in _rates_of(schedule)
        if value > 0
    )
    return f"{said}, with{lowered}" if lowered else said


def _rates_of(schedule):
    """Yields (path of a field, its value) of every rate in a schedule."""
    for field in schedule.DESCRIPTOR.fields if schedule is not None else ():
        value = getattr(schedule, field.name)
        if field.message_type:
            for index, one in enumerate(value):
                for name, rate in _rates_of(one):
                    yield f"{field.name}[{index}].{name}", rate
        elif "learning_rate" in field.name:
            yield field.name, value


def _schedule(optimizer):
    """(path, message) of what gives the rate; the message is None without one."""
    path, message = "train_config.optimizer", optimizer
    for oneof in ("optimizer", "learning_rate", "learning_rate"):
        field = oneof
        if oneof in message.DESCRIPTOR.oneofs_by_name:
            field = message.WhichOneof(oneof)
        if field is None:
            return path, None
        path, message = f"{path}.{field}", getattr(message, field)
    return path, message
