"""`od-api config ACTION`: the actions' arguments, and what they print."""

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.system import shipped
from od_api.system.arguments import add_actions, add_config, add_overrides


def add_arguments(parser):
    """Adds the actions; each sets `func(args)`, which returns the status."""
    subparsers = add_actions(parser)
    check = subparsers.add_parser("check", help="parse and build; say what is wrong")
    check.add_argument("configs", nargs="+", type=shipped.found)
    check.add_argument("--format", choices=("text", "json"), default="text")
    how = check.add_mutually_exclusive_group()
    how.add_argument("--data", action="store_true", help="open records and checkpoint")
    how.add_argument(
        "--no-files",
        action="store_true",
        help="the files that the config names are elsewhere: do not look for them",
    )
    add_overrides(check)
    check.set_defaults(func=_config_check)
    explain = subparsers.add_parser("explain", help="say in words what a config does")
    add_config(explain)
    explain.set_defaults(func=_config_explain)
    show = subparsers.add_parser(
        "show", help="print the config with its base merged in"
    )
    add_config(show)
    show.set_defaults(func=_config_show)
    reference = subparsers.add_parser(
        "reference", help="what messages and fields mean, as Markdown"
    )
    reference.add_argument(
        "name", nargs="?", help="of a message or a field (default: all)"
    )
    reference.set_defaults(func=_config_reference)
    listed = subparsers.add_parser("list", help="the shipped configs, as Markdown")
    listed.set_defaults(func=_config_list)


def _config_check(args):
    from od_api.config_check import EXIST, NAMES, OPEN, check_configs

    files = OPEN if args.data else NAMES if args.no_files else EXIST
    return check_configs(args.configs, args.format, files, args.overrides)


def _config_explain(args):
    from od_api.config_explain import explain

    explained = explain(args.config, args.overrides)
    print("\n".join(explained.lines))
    if explained.refused:
        raise UserError(
            f"{printable(args.config)} is refused; the reasons stand under Refused"
        )


def _config_show(args):
    from od_api import load_config

    print(load_config(args.config, args.overrides), end="")


def _config_reference(args):
    from od_api.reference.config_reference import config_reference

    print(config_reference(args.name), end="")


def _config_list(args):
    from od_api.reference.config_list import config_list

    del args
    print(config_list(), end="")
