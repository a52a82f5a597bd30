"""`od-api doctor`: its arguments, and what it prints."""

import json


def add_arguments(parser):
    """Adds the arguments, and `func(args)`; its status is 1 if something is wrong."""
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.set_defaults(func=_doctor)


def _doctor(args):
    from od_api.doctor import WRONG, observations

    found = observations()
    if args.format == "json":
        print(json.dumps([one._asdict() for one in found], indent=1))
    else:
        _print(found)
    return 1 if any(one.state == WRONG for one in found) else 0


def _print(found):
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    styles = {"ok": "green", "note": "yellow", "wrong": "bold red"}
    for one in found:
        state = f"[{styles[one.state]}]{one.state}[/]"
        told = escape(one.found) + (f"\n-> {escape(one.cure)}" if one.cure else "")
        table.add_row(state, escape(one.what), told)
    Console().print(table)
