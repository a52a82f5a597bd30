"""Flags of the old API's scripts that are refused, each with what to do instead."""

from od_api.core.errors import UserError


def define_refused(define, **reasons):
    """Defines flags that stop the script when they are given.

    Args:
      define: flags.DEFINE_integer or a sibling: what the old flag took.
      **reasons: {flag: why it is refused, and what to use instead}.

    Returns:
      The reasons.
    """
    for name, reason in reasons.items():
        define(name, None, f"Not available: {reason}.")
    return reasons


def refuse_given(values, reasons, **neutral):
    """Refuses the flags of `define_refused` that are given.

    Args:
      values: absl's FLAGS, parsed.
      reasons: of `define_refused`, or several of them joined.
      **neutral: {flag: the value that asks for nothing}; of a bool it is False.

    Raises:
      UserError: all that are given, each with its reason.
    """
    given = {}
    for name, reason in reasons.items():
        if values[name].value not in (None, False, "", neutral.get(name)):
            given.setdefault(reason, []).append(f"--{name}")
    if given:
        raise UserError("; ".join(f"{', '.join(f)}: {r}" for r, f in given.items()))
