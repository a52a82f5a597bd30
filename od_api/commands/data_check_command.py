"""`od-api data check`: its arguments, and what it prints."""

import json

from od_api.core.errors import UserError


def add_arguments(parser):
    """Adds the arguments, and `func(args)`, which returns the status."""
    add = parser.add_argument
    add("records", nargs="*", help="files or patterns, e.g. 'train.record-*'")
    add("--label-map", metavar="PATH", help="of the records")
    add(
        "--config",
        dest="of_config",
        metavar="FILE",
        help="look at what the readers of this config name, folders included, instead; "
        "and at them beside each other",
    )
    add("--fast", action="store_true", help="the quick look that training takes")
    add(
        "--drop-unknown-classes",
        action="store_true",
        help="boxes whose class the label map lacks are left out on purpose",
    )
    add(
        "--detections",
        metavar="FILE",
        help="of a config's first eval_input_reader, COCO results or records: name the "
        "labels that the surest of them disagree with",
    )
    add("--html", metavar="FILE", help="of a config: write a page with pictures, too")
    add("--strict", action="store_true", help="exit with 2 after warnings, too")
    add("--format", choices=("text", "json"), default="text")
    parser.set_defaults(func=_check)


def _check(args):
    if args.of_config:
        return _check_config(args)
    if not args.records or not args.label_map:
        raise UserError("name records and their --label-map, or a --config")
    for option in ("detections", "html"):
        if getattr(args, option):
            raise UserError(f"--{option} is for a --config")
    from od_api.data.check import check_records
    from od_api.data.label_map import LabelMap
    from od_api.protos.input_reader_pb2 import InputReader

    report = check_records(
        args.records,
        LabelMap.load(args.label_map),
        fast=args.fast,
        reader=InputReader(drop_unknown_classes=args.drop_unknown_classes),
    )
    print(report.to_json() if args.format == "json" else report.to_text())
    return _status([report], args.strict)


def _check_config(args):
    """The reports of all input readers of a config."""
    from od_api.check_data import check_data, check_page
    from od_api.config.loading import load_config, locate
    from od_api.core.errors import ConfigError

    if args.records or args.label_map or args.drop_unknown_classes:
        raise UserError("--config says itself which records, label map and classes")
    try:
        config = load_config(args.of_config)
        reports = check_data(config, fast=args.fast, detections=args.detections)
        if args.html:
            check_page(config, reports, args.html, args.detections)
    except ConfigError as error:
        raise locate(error, args.of_config) from error
    if args.format == "json":
        found = {p: json.loads(report.to_json()) for p, report in reports.items()}
        print(json.dumps(found, indent=1))
    else:
        print("\n".join(f"{p}:\n{report.to_text()}" for p, report in reports.items()))
    return _status(reports.values(), args.strict)


def _status(reports, strict):
    """2 where something is wrong; of `strict` warnings are."""
    bad = any(r.errors or (strict and r.warnings) for r in reports)
    return 2 if bad else 0
