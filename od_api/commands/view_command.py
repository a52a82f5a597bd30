"""`od-api view`: its arguments, and what it prints."""

from od_api.system.arguments import add_overrides


def add_arguments(parser):
    """Adds the arguments, and `func(args)`."""
    add = parser.add_argument
    add("path", help="a pipeline.config, the folder of a run, TFRecords, or a data set")
    add("--label-map", metavar="FILE", help="of records (default: beside them)")
    add(
        "--detections",
        metavar="FILE",
        help="show these, too: COCO results, or records with detections (default: "
        "those of the run's last evaluation)",
    )
    add("--split", choices=("val", "train"), default="val", help="of a config")
    add("--min-score", type=float, default=0.3, help="of detections (default: 0.3)")
    add("--port", type=int, default=0, help="default: any that is free")
    add_overrides(parser)
    parser.set_defaults(func=_view)


def _view(args):
    from od_api.viewer import view_server

    server, url = view_server(
        args.path,
        port=args.port,
        min_score=args.min_score,
        label_map=args.label_map,
        detections=args.detections,
        split=args.split,
        overrides=args.overrides,
    )
    print(f"{url} shows it until Ctrl-C; it answers on this machine alone", flush=True)
    server.serve_forever()
