"""Which variables are trained: `update_trainable_variables`, `freeze_variables`."""

import difflib
import re

from absl import logging

from od_api.core.errors import ConfigError


def trainable_variables(
    variables, *, update_trainable_variables=(), freeze_variables=()
):
    """The variables that some `update` pattern finds and no `freeze` pattern does.

    Patterns are regular expressions that may match anywhere in a name, as in the old
    API's TF 1 trainer; its TF 2 trainer ignored both fields without a word.

    Args:
      variables: {name: tf.Variable}, all that could be trained.
      update_trainable_variables: patterns of what to train; none means everything.
      freeze_variables: patterns of what not to train; they win.

    Returns:
      {name: tf.Variable} in the order given.

    Raises:
      ConfigError: a broken pattern, one that matches no name, or nothing left to train.
    """
    names = list(variables)
    update = _match(names, update_trainable_variables, "update_trainable_variables")
    frozen = _match(names, freeze_variables, "freeze_variables")
    chosen = {
        name: variable
        for name, variable in variables.items()
        if name not in frozen and (name in update or not update_trainable_variables)
    }
    if not chosen:
        raise ConfigError(
            "update_trainable_variables and freeze_variables leave none of the "
            f"{len(names)} variables to train: narrow freeze_variables"
        )
    if len(chosen) < len(names):
        logging.info("training %d of %d variables", len(chosen), len(names))
    return chosen


def _match(names, patterns, field):
    found = set()
    for i, pattern in enumerate(patterns):
        try:
            regex = re.compile(pattern)
        except re.error as error:
            raise ConfigError(
                f"'{pattern}' is not a regular expression: {error}", f"{field}[{i}]"
            ) from error
        matches = {name for name in names if regex.search(name)}
        if not matches:
            near = ", ".join(_near(pattern, names))
            raise ConfigError(
                f"'{pattern}' matches none of the {len(names)} variables; names near "
                f"it: {near}",
                f"{field}[{i}]",
            )
        found |= matches
    return found


def _near(pattern, names):
    """At most three names or leading parts of names that look like the pattern."""
    plain = re.sub(r"[^\w/]", "", pattern)
    parts = set(names)
    for name in names:
        pieces = name.split("/")
        parts |= {"/".join(pieces[:i]) for i in range(1, len(pieces))}
    near = difflib.get_close_matches(plain, sorted(parts), n=3, cutoff=0.5)
    return near or sorted({name.split("/")[0] for name in names})[:3]
