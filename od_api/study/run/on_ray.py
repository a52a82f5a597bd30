"""The cells of a study on a Ray cluster: Ray schedules, the runner does the rest.

Every machine of the cluster needs od_api and the folder of results under the same path.
"""

import importlib

from od_api.core.errors import UserError
from od_api.study.run.runner import Event, Runner, groups_of


def run_on_ray(address, settings, names, tell, *, num_cpus, num_gpus):
    """Runs cells as Ray tasks; those that share a trained model are one task.

    Args:
      address: of the cluster, e.g. "auto" or "ray://host:10001".
      settings: RunSettings.
      names: of the cells.
      tell: called with each Event, when a task has ended.
      num_cpus: cores that a task reserves; with fewer than a machine has, cells run
        beside each other, and each other's times are measured.
      num_gpus: GPUs that a task reserves.

    Returns:
      {name: error or None}.

    Raises:
      UserError: ray is not installed, or no cluster answers.
    """
    ray = _ray()
    try:
        ray.init(address=address)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise UserError(f"no Ray cluster answers at {address}: {error}") from error
    try:
        task = ray.remote(num_cpus=num_cpus, num_gpus=num_gpus)(run_cells)
        study = Runner(settings).study
        groups = groups_of({name: study[name] for name in names})
        pending = {task.remote(settings, group): group for group in groups.values()}
        errors = {}
        while pending:
            for done in ray.wait(list(pending), num_returns=1)[0]:
                group = pending.pop(done)
                errors |= _outcome(ray, done, group, study, tell)
        return errors
    finally:
        ray.shutdown()


def run_cells(settings, names):
    """The task: ({name: error or None}, [Event as a tuple, ...])."""
    events = []
    errors = Runner(settings, lambda event: events.append(tuple(event))).run(names)
    return errors, events


def _outcome(ray, done, group, study, tell):
    """Tells what a task did; one that was lost fails its cells."""
    try:
        errors, events = ray.get(done)
    # Whatever Ray raises: the machine is gone, or its memory was not enough.
    except Exception as error:
        lost = {"stage": "train", "message": f"the Ray task was lost: {error}"}
        for name in group:
            study[name].write_result(lost)
            tell(Event(name, lost["stage"], "failed", message=lost["message"]))
        return dict.fromkeys(group, lost)
    for event in events:
        if event[2] != "running":
            tell(Event(*event))
    return errors


def _ray():
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise UserError("ray is not installed: pip install 'od-api[ray]'") from error
