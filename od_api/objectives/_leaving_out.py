"""What the ignore rules of an objective leave out, together."""

import tensorflow as tf

from od_api.core.registry import build
from od_api.core.types import LeftOut
from od_api.protos import ignore_rule_pb2


class LeavingOut:
    """All rules of an objective; one of ignored ground truth is always among them.

    Args:
      rules: callables (priors, targets) -> LeftOut.
    """

    def __init__(self, rules=()):
        self.rules = list(rules)
        if not any(getattr(rule, "of_ignored", False) for rule in self.rules):
            self.rules.append(build(ignore_rule_pb2.IgnoredOverlap()))

    def of(self, priors, targets):
        """Priors, Targets -> LeftOut, what any of the rules leaves out."""
        left_out = LeftOut()
        for rule in self.rules:
            left_out = left_out.plus(rule(priors, targets))
        return left_out

    def assigned(self, assignment, priors, targets):
        """The Assignment with the label -1 for what is left out."""
        left_out, label = self.of(priors, targets), assignment.label
        positive, away = label == 1, []
        if left_out.objects is not None:
            away.append(positive & assignment.take(left_out.objects))
        if left_out.negatives is not None:
            away.append(~positive & left_out.negatives)
        if left_out.priors is not None:
            away.append(left_out.priors)
        for some in away:
            label = tf.where(some, -1, label)
        return assignment._replace(label=label)
