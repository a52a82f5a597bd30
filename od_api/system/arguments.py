"""The command line's parser: argparse with the nearest right name in its errors."""

import argparse
import difflib
import re

from od_api.core.printable import printable
from od_api.system import shipped

_CHOICE = re.compile(r"invalid choice: '(.*)' \(choose from (.*)\)$", re.DOTALL)


class Parser(argparse.ArgumentParser):
    """Its sub-commands are parsers of this kind, too."""

    def parse_known_args(self, args=None, namespace=None):
        """As argparse; what is not known ends here, where the right names are."""
        args = list(args or ())
        ours = args[: args.index("--")] if "--" in args else args
        self._given = [a.partition("=")[0] for a in ours if a.startswith("--")]
        namespace, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return namespace, rest

    def error(self, message):
        """Prints the usage and the message, with the nearest name; exits with 2."""
        wrong = _CHOICE.search(message)
        if wrong:
            message += _near(wrong[1], re.findall(r"[\w-]+", wrong[2]))
        else:
            message += self._near_options()
        super().error(printable(message))

    def _near_options(self):
        """Of options that are none, since argparse misses what they stand for first."""
        known = [o for action in self._actions for o in action.option_strings]
        wrong = [g for g in self._given if not any(k.startswith(g) for k in known)]
        return "".join(_near(name, known, f" instead of {name}") for name in wrong[:1])


def _near(name, names, where=""):
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]}{where}?" if close else ""


def add_actions(parser):
    """Those of a command that has several; returns what takes a parser of each."""
    return parser.add_subparsers(dest="action", required=True, metavar="ACTION")


def add_config(parser, optional=False):
    """Adds a config and the overrides of its fields: `config`, `overrides`."""
    parser.add_argument(
        "config",
        nargs="?" if optional else None,
        type=shipped.found,
        help="path of the pipeline.config, or the name of a shipped one",
    )
    add_overrides(parser)


def add_overrides(parser):
    """Adds those of a config's fields alone: `overrides`."""
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="override a field, e.g. train_config.batch_size=8; may be repeated",
    )


def add_threads(parser):
    """Adds how many threads a model takes: `threads`."""
    parser.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="of one call of a model (default: as many as there are cores)",
    )


def add_tiles(parser):
    """Adds how images are cut: `tiles`, `overlap`."""
    parser.add_argument(
        "--tiles",
        metavar="HxW",
        help="see images in tiles of so many pixels, for images larger than the "
        "model's input, e.g. 640x640",
    )
    parser.add_argument(
        "--overlap",
        type=float,
        metavar="F",
        help="share of a tile's side that its neighbour sees, too (default: 0.2)",
    )
