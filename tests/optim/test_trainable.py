import pytest

from od_api.core.errors import ConfigError
from od_api.optim.trainable import trainable_variables

NAMES = [
    "backbone/conv1/kernel",
    "backbone/conv1_bn/gamma",
    "backbone/conv2/kernel",
    "neck/P5/kernel",
    "head/box/kernel",
    "head/box/bias",
]
VARIABLES = {name: object() for name in NAMES}


@pytest.mark.parametrize(
    ("update", "freeze", "expected"),
    [
        ([], [], NAMES),
        ([], ["backbone/"], NAMES[3:]),
        (["head"], [], NAMES[4:]),
        (["head", "neck"], ["bias$"], NAMES[3:5]),
        ([], ["^backbone/conv1(_bn)?/", "^neck"], [NAMES[2], *NAMES[4:]]),
    ],
)
def test_patterns(update, freeze, expected):
    chosen = trainable_variables(
        VARIABLES, update_trainable_variables=update, freeze_variables=freeze
    )
    assert list(chosen) == expected
    assert all(chosen[name] is VARIABLES[name] for name in expected)


def test_pattern_without_a_match_names_near_names():
    with pytest.raises(
        ConfigError, match=r"'bakbone/conv2'.*near it: .*backbone/conv2"
    ):
        trainable_variables(VARIABLES, freeze_variables=["head", "bakbone/conv2"])


def test_pattern_of_the_old_api_is_told_what_there_is():
    with pytest.raises(ConfigError, match="backbone, head, neck") as caught:
        trainable_variables(VARIABLES, freeze_variables=["head", "XyzZ"])
    assert caught.value.field_path == "freeze_variables[1]"


def test_broken_pattern():
    with pytest.raises(ConfigError, match=r"'head\(' is not a regular expression"):
        trainable_variables(VARIABLES, update_trainable_variables=["head("])


def test_nothing_left():
    with pytest.raises(ConfigError, match="leave none of the 6 variables"):
        trainable_variables(VARIABLES, freeze_variables=["."])
