"""`od-api study ...`: its arguments."""

import argparse
import textwrap

from od_api.study.published import EXTRACTORS


def add_parsers(subparsers):
    """Adds the sub-commands; each sets `func(args)`, which returns the status."""
    _add_extractors(subparsers)


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
    from od_api.study.extractors import print_table

    print_table(args.format)
