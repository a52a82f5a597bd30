"""The processes behind the roles: started, watched and stopped, groups and all."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

# A process that lived so long was all right; before that, the next pause is longer.
_LONG_LIFE = 60.0
_LONGEST_PAUSE = 60.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.05


class Guard:
    """The program that kills the groups when this process dies (see guardian.py)."""

    def __init__(self):
        program = pathlib.Path(__file__).with_name("guardian.py")
        self._process = subprocess.Popen(
            # -I and -S: it starts in 10 ms and imports nothing of its surroundings.
            [sys.executable, "-I", "-S", str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
            bufsize=1,
        )

    def add(self, group):
        """A process group has been started."""
        self._tell(f"+{group}\n")

    def remove(self, group):
        """A process group has ended."""
        self._tell(f"-{group}\n")

    def close(self):
        """Ends the guard; groups that it still knows are killed."""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line):
        # Somebody may have killed the guard; that is no reason to stop training.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line)


class Member:
    """A role and the process that plays it, which may not be the first one.

    Args:
      role: Role.
      command: the program and its arguments.
      environment: of the process.
      guard: Guard.
      log: `(name, line)`, called for every line that the process writes, from a
        thread.
      descriptors: files that stay open in the process.
    """

    def __init__(self, role, command, environment, guard, log, descriptors=()):
        self.role = role
        self._descriptors = descriptors
        self._command, self._environment = command, environment
        self._guard, self._log = guard, log
        self._process, self._reader = None, None
        self._start_at = None
        self._started = 0.0
        self._short_lives = 0
        self._status = None
        self._was_stopped = False

    @property
    def pid(self):
        """Of the running process, or None."""
        return self._process and self._process.pid

    @property
    def is_expected(self):
        """Whether the role is played, or will be again in a moment."""
        return self._process is not None or self._start_at is not None

    @property
    def state(self):
        """In words, for the table."""
        if self._process is not None:
            return "running"
        if self._start_at is not None:
            return "starting again"
        if self._was_stopped:
            return "stopped"
        return "not started" if self._status is None else how_it_ended(self._status)

    def start(self):
        """Starts the process, in a session and process group of its own."""
        self._start_at, self._started = None, time.monotonic()
        self._was_stopped = False
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=self._descriptors,
        )
        self._guard.add(self._process.pid)
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stdout,), daemon=True
        )
        self._reader.start()

    def start_later(self):
        """Has the process started again after a pause; returns the pause in seconds.

        2 s, and twice as long each time after a life of less than a minute.
        """
        lived = time.monotonic() - self._started
        self._short_lives = self._short_lives + 1 if lived < _LONG_LIFE else 0
        pause = min(2.0 * 2 ** max(self._short_lives - 1, 0), _LONGEST_PAUSE)
        self._start_at = time.monotonic() + pause
        return pause

    def start_if_due(self):
        """Starts the process if its pause is over; returns whether it did."""
        if self._start_at is None or time.monotonic() < self._start_at:
            return False
        self.start()
        return True

    def check(self):
        """The exit status of a process that has just ended (-n: by signal n), or None.

        What it has left in its process group is killed.
        """
        if self._process is None:
            return None
        # Left unreaped, the leader keeps the group's number from being given away.
        ended = os.waitid(
            os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT
        )
        if ended is None:
            return None
        self.signal(signal.SIGKILL)
        self._status = self._process.wait()
        self._guard.remove(self._process.pid)
        self._reader.join(1.0)
        self._process = None
        return self._status

    def end(self):
        """Asks the process to end, and has it not started again."""
        self._was_stopped = self.is_expected
        self._start_at = None
        self.signal(signal.SIGTERM)

    def signal(self, number):
        """Sends a signal to the process group, if there is one."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def _read(self, stream):
        with stream:
            for line in stream:
                text = line.decode(errors="replace").rstrip("\r\n")
                # A progress bar draws over itself; its last state is what counts.
                self._log(self.role.name, text.rsplit("\r", 1)[-1])


def stop(members, hurry=lambda: False):
    """Ends the processes: SIGTERM, and after 10 s, or when `hurry()`, SIGKILL.

    Returns:
      The names of the roles whose processes had to be killed.
    """
    for member in members:
        member.end()
    deadline = time.monotonic() + _STOP_SECONDS
    running = [m for m in members if m.check() is None and m.pid]
    while running and time.monotonic() < deadline and not hurry():
        time.sleep(_POLL_SECONDS)
        running = [m for m in running if m.check() is None]
    killed = [member.role.name for member in running]
    for member in running:
        member.signal(signal.SIGKILL)
    while running:
        running = [m for m in running if m.check() is None]
        time.sleep(_POLL_SECONDS)
    return killed


def how_it_ended(status):
    """An exit status in words: `ended with status 2`, `was killed by SIGKILL`."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"


def exit_status(status):
    """As a shell gives it: 128 + n for a process that signal n killed."""
    return status if status >= 0 else 128 - status
