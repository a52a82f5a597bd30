"""Ending without the farewell that would take for ever."""

import subprocess
import sys

from od_api.training.departure import leave

CODE = """
import sys
from od_api import cli
from od_api.training.departure import keep
from od_api.core.errors import UserError

class Coordinator:
    def __del__(self):
        print("waits for ever")

def action():
    keep(Coordinator())
    print("done")
    if sys.argv[1] == "fails":
        raise UserError("a server is lost")

sys.exit(cli.run(action))
"""


def test_the_process_ends_with_its_status_and_output():
    for what, status in [("ends", 0), ("fails", 2)]:
        done = subprocess.run(
            [sys.executable, "-c", CODE, what], capture_output=True, text=True
        )
        assert done.stdout == "done\n"
        assert done.returncode == status
        assert ("error: a server is lost\n" in done.stderr) == (status == 2)


def test_nothing_is_kept_by_default():
    assert leave(3) == 3
