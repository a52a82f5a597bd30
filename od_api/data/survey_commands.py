"""`od-api data anchor-coverage|anchors|sizes`: arguments, and what they print."""

from od_api.system.arguments import add_config


def add_parsers(subparsers):
    """Adds the sub-commands; each sets `func(args)`, which returns the status."""
    _add_anchor_coverage(subparsers)
    _add_anchors(subparsers)
    _add_sizes(subparsers)


def _add_anchor_coverage(subparsers):
    parser = subparsers.add_parser(
        "anchor-coverage", help="how many boxes have an anchor of their size and place"
    )
    add_config(parser)
    add = parser.add_argument
    add(
        "--thresholds",
        nargs="+",
        type=float,
        default=[0.5, 0.7],
        metavar="IOU",
        help="shares of boxes whose best anchor is above (default: 0.5 0.7)",
    )
    _add_seen(add)
    add("--format", choices=("text", "json"), default="text")
    parser.set_defaults(func=_anchor_coverage)


def _anchor_coverage(args):
    from od_api.config.loading import load_config
    from od_api.data import anchor_coverage

    rows = anchor_coverage.coverage_of(
        load_config(args.config, args.overrides),
        thresholds=args.thresholds,
        reader=args.eval_reader,
        max_images=args.max_images,
    )
    shown = (
        anchor_coverage.as_json if args.format == "json" else anchor_coverage.as_text
    )
    print(shown(rows))
    return 0


def _add_seen(add):
    add(
        "--eval-reader",
        type=int,
        metavar="N",
        help="the N-th eval_input_reader, from 0 (default: the train_input_reader)",
    )
    add("--max-images", type=int, metavar="N", help="look at N images (default: all)")


def _add_anchors(subparsers):
    parser = subparsers.add_parser(
        "anchors", help="cluster the boxes; print anchors to paste into the config"
    )
    add_config(parser)
    add = parser.add_argument
    add("--count", type=int, default=9, metavar="N", help="of all maps (default: 9)")
    add("--seed", type=int, default=0, help="of the clusters (default: 0)")
    _add_seen(add)
    parser.set_defaults(func=_anchors)


def _anchors(args):
    from od_api.config.loading import load_config
    from od_api.data.anchor_clusters import anchors_of

    config = load_config(args.config, args.overrides)
    print(
        anchors_of(
            config,
            args.count,
            seed=args.seed,
            reader=args.eval_reader,
            max_images=args.max_images,
        )
    )
    return 0


def _add_sizes(subparsers):
    parser = subparsers.add_parser(
        "sizes", help="how many objects images have, and how large they are"
    )
    add = parser.add_argument
    add("records", nargs="+", help="files or patterns, e.g. 'train.record-*'")
    add("--format", choices=("text", "json"), default="text")
    parser.set_defaults(func=_sizes)


def _sizes(args):
    from od_api.data import object_sizes

    found = object_sizes.object_sizes(args.records)
    shown = object_sizes.as_json if args.format == "json" else object_sizes.as_text
    print(shown(found))
    return 0
