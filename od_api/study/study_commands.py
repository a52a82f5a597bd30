"""`od-api study ...`: its arguments."""

import argparse
import textwrap

from od_api.core.printable import printable
from od_api.study import benchmark_command, report_commands, run_commands
from od_api.study.grid.published import EXTRACTORS
from od_api.system import shipped
from od_api.system.arguments import add_actions


def add_arguments(parser):
    """Adds the actions; each sets `func(args)`, which returns the status."""
    subparsers = add_actions(parser)
    _add_extractors(subparsers)
    _add_cells(subparsers)
    _add_config(subparsers)
    run_commands.add_run(subparsers)
    benchmark_command.add_arguments(
        subparsers.add_parser("benchmark", help=benchmark_command.HELP)
    )
    report_commands.add_parser(subparsers)


def _add_cells(subparsers):
    parser = subparsers.add_parser("cells", help="list the models of a grid")
    parser.add_argument(
        "grid",
        type=shipped.found,
        help="a grid file, e.g. configs/study/huang_2017.grid",
    )
    parser.set_defaults(func=_cells)


def _cells(args):
    from od_api.study.grid.grid import load_grid

    for name in load_grid(args.grid):
        print(printable(name))


def _add_config(subparsers):
    parser = subparsers.add_parser(
        "config", help="write the pipeline config of one model of a grid"
    )
    parser.add_argument(
        "grid",
        type=shipped.found,
        help="a grid file, e.g. configs/study/huang_2017.grid",
    )
    parser.add_argument("cell", help="its name, as `od-api study cells` lists it")
    parser.add_argument("output", help="where the config goes")
    parser.set_defaults(func=_config)


def _config(args):
    from od_api.config.loading import write_config
    from od_api.study.grid.grid import find_cell, load_grid

    cell = find_cell(load_grid(args.grid), args.cell)
    write_config(cell.inference_config(), args.output)


def _add_extractors(subparsers):
    parser = subparsers.add_parser(
        "extractors",
        help="print Table 2: the feature extractors, published numbers beside ours",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Builds each of the study's feature extractors, counts its "
        "parameters and\nprints them beside the published ones. Takes a minute or two.",
        epilog=_counting_rules(),
    )
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.set_defaults(func=_extractors)


def _counting_rules():
    """What each published count includes; argparse wants percent signs doubled."""
    lines = ["what the counts include, none of them a classifier:"]
    for name, extractor in EXTRACTORS.items():
        lines += textwrap.wrap(
            f"{name}: {extractor.rule}.",
            80,
            initial_indent="  ",
            subsequent_indent="      ",
        )
    return "\n".join(lines).replace("%", "%%")


def _extractors(args):
    from od_api.study.grid.extractors import print_table

    print_table(args.format)
