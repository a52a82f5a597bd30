"""Whether the learning rate's schedule ends where training does."""

_OF_OPTIMIZER = "train_config.optimizer"


def schedule_notes(settings, last_step):
    """Sentences about a schedule that was made for another number of steps.

    Nothing scales it: a run that goes on with more steps has the rates that it would
    have had, to the bit.

    Args:
      settings: TrainConfig.
      last_step: where training ends.

    Returns:
      A list, empty where the schedule fits, or has no end.
    """
    name = settings.optimizer.WhichOneof("optimizer")
    if name is None:
        return []
    rate = getattr(settings.optimizer, name).learning_rate
    kind = rate.WhichOneof("learning_rate")
    field = f"{_OF_OPTIMIZER}.{name}.learning_rate.{kind}"
    if kind == "cosine_decay_learning_rate":
        return _of_cosine(rate.cosine_decay_learning_rate, field, last_step)
    if kind == "manual_step_learning_rate":
        return _of_steps(rate.manual_step_learning_rate, field, last_step)
    return []


def _of_cosine(schedule, field, last_step):
    total = schedule.total_steps
    if total == last_step:
        return []
    what = "ends before it has fallen" if last_step < total else "is 0 from there on"
    return [
        f"training ends at step {last_step}, and the learning rate falls until step "
        f"{total}: it {what}. The schedule does not follow num_steps; for one that "
        f"ends with training: --set {field}.total_steps={last_step}"
        + _warm_up(schedule, field, last_step)
    ]


def _warm_up(schedule, field, last_step):
    """What else has to be set where the warm-up is longer than the training."""
    taken = schedule.warmup_steps + schedule.hold_base_rate_steps
    if taken < last_step:
        return ""
    held = f" --set {field}.hold_base_rate_steps=0" * bool(
        schedule.hold_base_rate_steps
    )
    return f" --set {field}.warmup_steps={last_step // 10}{held}"


def _of_steps(schedule, field, last_step):
    late = [s.step for s in schedule.schedule if s.step >= last_step]
    if not late:
        return []
    steps = ", ".join(map(str, late))
    return [
        f"training ends at step {last_step}, and the learning rate would change at "
        f"{steps}, which it does not reach. The schedule does not follow num_steps; "
        f"set {field}.schedule for one that ends with training"
    ]
