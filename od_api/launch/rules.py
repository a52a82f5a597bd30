"""What is done when a role's process ends."""

import time

from od_api.launch.processes import exit_status, how_it_ended, stop

# Bad input: starting the process again would not mend it.
_BAD_INPUT = 2
# A chief whose parameter server is gone ends within seconds, with a message.
_LOST_PS_SECONDS = 120.0
# Training in step, all end at the same step; the chief may still write a moment.
_LAST_ONES_SECONDS = 120.0


class AsynchronousRules:
    """With parameter servers: every role but these may die and come back.

    * A worker or an evaluator that ends is started again at its address.
    * So is a chief that a signal killed, `chief_restarts` times at most. One that ends
      with a status has said why, and that is the end.
    * A parameter server is not: its variables are gone. The chief then ends, too.
    * When the chief is done, the evaluator may finish its last checkpoint.

    Args:
      members: all Members.
      say: `(text)`, called with what happens.
      chief_restarts: how often a killed chief is started again.
      evaluator_grace: seconds that the evaluator may go on after the chief.
    """

    def __init__(self, members, say, chief_restarts, evaluator_grace):
        self._say = say
        self._restarts_left = chief_restarts
        self._evaluation = _LastEvaluation(members, say, evaluator_grace)
        self._chief_status = None
        self._lost_ps_deadline = None

    def ended(self, member, status):
        """A process has ended with `status`, -n for signal n."""
        how = f"{member.role.name} {how_it_ended(status)}"
        kind = member.role.kind
        if kind == "chief":
            self._chief_ended(member, status, how)
        elif self._evaluation.began and kind == "evaluator":
            self._evaluation.ended(member, status, how)
        elif self._chief_status is not None or self._lost_ps_deadline is not None:
            self._say(how)
        elif kind == "ps":
            self._lost_ps_deadline = time.monotonic() + _LOST_PS_SECONDS
            self._say(
                f"{how}: its variables are lost, and training cannot go on. Started "
                "again, it continues from the last checkpoint"
            )
        elif kind == "evaluator" and status == 0:
            self._say("evaluator is done")
        else:
            _start_again(member, how, self._say)

    def result(self):
        """The exit status of the whole, once it is over; None before."""
        if self._chief_status is not None:
            return self._chief_status if self._evaluation.is_over() else None
        lost = self._lost_ps_deadline
        if lost is not None and time.monotonic() > lost:
            self._say(f"chief has not ended within {_LOST_PS_SECONDS:g} s")
            return _BAD_INPUT
        return None

    def _chief_ended(self, member, status, how):
        killed, lost = status < 0, self._lost_ps_deadline is not None
        if killed and not lost and self._restarts_left:
            self._restarts_left -= 1
            how += f", restarts left: {self._restarts_left}"
            _start_again(member, how, self._say)
            return
        self._say(how)
        self._chief_status = _BAD_INPUT if killed and lost else exit_status(status)
        if status == 0:
            self._evaluation.begin()


class SynchronousRules:
    """Without parameter servers: all train in step, and go on together or not at all.

    When one of the training processes is killed or fails, all are stopped and started
    again, `restarts` times at most; they go on from the last checkpoint. Bad input
    (status 2) is the end: started again, they would fail again.

    Args:
      members: all Members.
      say: `(text)`, called with what happens.
      restarts: how often the training processes are started again.
      evaluator_grace: seconds that the evaluator may go on after the chief.
    """

    def __init__(self, members, say, restarts, evaluator_grace):
        self._trainers = [m for m in members if m.role.trains]
        self._say = say
        self._restarts_left = restarts
        self._evaluation = _LastEvaluation(members, say, evaluator_grace)
        self._status = None
        self._deadline = None

    def ended(self, member, status):
        """A process has ended with `status`, -n for signal n."""
        how = f"{member.role.name} {how_it_ended(status)}"
        if not member.role.trains:
            if self._evaluation.began:
                self._evaluation.ended(member, status, how)
            elif status == 0:
                self._say("evaluator is done")
            else:
                _start_again(member, how, self._say)
        elif self._status is not None or status == 0:
            self._say(how)
            if member.role.kind == "chief" and status == 0:
                self._status = 0
                self._deadline = time.monotonic() + _LAST_ONES_SECONDS
                self._evaluation.begin()
        elif status == _BAD_INPUT or not self._restarts_left:
            self._say(how)
            self._status, self._deadline = exit_status(status), time.monotonic()
        else:
            self._restart(how)

    def result(self):
        """The exit status of the whole, once it is over; None before."""
        if self._status is None:
            return None
        over = time.monotonic() >= self._deadline
        if over or not any(m.is_expected for m in self._trainers):
            return self._status if self._evaluation.is_over() else None
        return None

    def _restart(self, how):
        self._restarts_left -= 1
        self._say(
            f"{how}: training in step cannot go on without it; stopping all, to start "
            f"them again, restarts left: {self._restarts_left}"
        )
        stop(self._trainers)
        pause = max([member.start_later() for member in self._trainers])
        self._say(f"starting all again in {pause:g} s")


class _LastEvaluation:
    """The evaluator's time after the chief is done."""

    def __init__(self, members, say, seconds):
        self._evaluators = [m for m in members if m.role.kind == "evaluator"]
        self._say, self._seconds = say, seconds
        self._deadline = None

    @property
    def began(self):
        """Whether the chief is done."""
        return self._deadline is not None

    def begin(self):
        """The chief is done."""
        self._deadline = time.monotonic() + self._seconds
        if any(m.is_expected for m in self._evaluators):
            self._say(
                f"waiting at most {self._seconds:g} s for the evaluator to finish"
            )

    def ended(self, member, status, how):
        """The evaluator has ended after the chief."""
        if status in (0, _BAD_INPUT):
            self._say(how)
        else:
            _start_again(member, how, self._say)

    def is_over(self):
        """Whether nobody evaluates any more, or the time is up."""
        if not self.began or not any(m.is_expected for m in self._evaluators):
            return True
        if time.monotonic() < self._deadline:
            return False
        self._say(f"evaluator has not finished within {self._seconds:g} s")
        return True


def _start_again(member, how, say):
    pause = member.start_later()
    say(f"{how}; starting it again in {pause:g} s")
