"""The arguments of a run: checked, and the same in another process."""

import pytest

from od_api.core.errors import UserError
from od_api.study.run.run_settings import NEEDS, STAGES, RunSettings


def test_stages_come_after_what_they_need():
    assert set(NEEDS) == set(STAGES)
    for stage, needed in NEEDS.items():
        for other in needed:
            assert STAGES.index(other) < STAGES.index(stage)


def test_there_and_back(tmp_path):
    settings = RunSettings(
        "a.grid",
        "out",
        overrides=("train_config.num_steps=1",),
        stages=("train", "count"),
        batch_sizes=(4,),
        models=str(tmp_path),
        random_weights=True,
    )
    assert RunSettings.from_json(settings.to_json()) == settings
    assert RunSettings("a", "b").checked() == RunSettings("a", "b")
    assert settings.checked() is settings


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"stages": ("train", "evalute")}, "there is no stage 'evalute'; they are"),
        ({"stages": ()}, "at least one stage"),
        ({"num_images": 0}, "1 or more"),
        ({"batch_sizes": (2, 0)}, "1 or more"),
        ({"warm_up": -1}, "the warm-up is 0 or more"),
        ({"models": "/no/such/folder"}, "/no/such/folder: no such folder"),
        ({"detections": "/no/such/folder"}, "/no/such/folder: no such folder"),
    ],
)
def test_values_that_cannot_be(changes, says):
    with pytest.raises(UserError, match=says):
        RunSettings("a", "b", **changes).checked()
