"""`od-api study report` and `od-api study crops`: their arguments."""


def add_parser(subparsers):
    """Adds both sub-commands; each sets `func(args)`, which returns the status."""
    _add_report(subparsers)
    _add_crops(subparsers)


def _add_report(subparsers):
    parser = subparsers.add_parser(
        "report",
        help="tables, figures and a page of what `od-api study run` measured",
        description="Reads RESULTS/*/result.json and writes report.html (one file, "
        "interactive), report.md, tables/*.csv and figures/*.png and *.svg.",
    )
    parser.add_argument(
        "results",
        help="the folder that `od-api study run` wrote, or that of a report, which is "
        "written again from its tables",
    )
    parser.add_argument(
        "output", nargs="?", help="where the report goes; by default into RESULTS"
    )
    parser.add_argument(
        "--published",
        action="store_true",
        help="lay the numbers that the study published beside the measured ones",
    )
    _add_ensemble(parser)
    parser.set_defaults(func=_report)


def _add_ensemble(parser):
    parser.add_argument(
        "--similarity",
        type=float,
        default=0.99,
        metavar="COSINE",
        help="the ensemble takes no model whose APs of the classes are more alike "
        "than this to those of a member (default %(default)s)",
    )
    parser.add_argument(
        "--members",
        type=int,
        default=5,
        metavar="N",
        help="the most models of an ensemble (default %(default)s)",
    )
    parser.add_argument(
        "--no-ensemble",
        dest="ensemble",
        action="store_false",
        help="leave out the ensemble: it evaluates detections, which takes a while",
    )


def _report(args):
    from od_api.study.measure.ensemble import EnsembleOptions
    from od_api.study.report.study_report import write_report

    options = EnsembleOptions(args.similarity, args.members) if args.ensemble else None
    page = write_report(
        args.results, args.output, published=args.published, ensemble=options
    )
    print(page)


def _add_crops(subparsers):
    parser = subparsers.add_parser(
        "crops",
        help="run cells over windows of the images, for the report's ensemble",
        description="Runs the exported models of cells over each evaluation image and "
        "nine windows of it, and writes RESULTS/CELL/detections_crops.json, which "
        "`od-api study report` takes up (multi-crop).",
    )
    parser.add_argument("results", help="the folder that `od-api study run` wrote")
    parser.add_argument("cells", nargs="+", metavar="CELL", help="names of cells")
    parser.set_defaults(func=_crops)


def _crops(args):
    from od_api.study.measure.multi_crop import write_crops

    for cell in args.cells:
        print(write_crops(args.results, cell))
