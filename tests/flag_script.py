"""Runs a script of the repository root inside the test process.

Starting another process would import TensorFlow again, which takes seconds.
"""

import importlib.util
import pathlib

from absl import flags

from od_api import cli

ROOT = pathlib.Path(__file__).parent.parent


def run(name, *arguments):
    """The exit status of `python <name> <arguments>`; its flags are forgotten after."""
    before = set(flags.FLAGS)
    spec = importlib.util.spec_from_file_location("flag_script_under_test", ROOT / name)
    script = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(script)
        script.main(cli.parse_flags([name, *map(str, arguments)]))
    except SystemExit as end:
        return end.code
    finally:
        for flag in set(flags.FLAGS) - before:
            delattr(flags.FLAGS, flag)
        flags.FLAGS.unparse_flags()
    raise AssertionError(f"{name} did not exit")
