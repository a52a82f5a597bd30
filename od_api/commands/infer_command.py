"""`od-api data infer`: its arguments, and what it does with them."""


def add_arguments(parser):
    """Adds the arguments, and `func(args)`."""
    parser.add_argument("model", help="a SavedModel directory, or that of a training")
    parser.add_argument("records", nargs="+", help="files or patterns of TFRecords")
    parser.add_argument("--output", required=True, metavar="FILE", help="to write")
    parser.add_argument(
        "--discard-image-pixels",
        action="store_true",
        help="leave the images out of what is written",
    )
    parser.set_defaults(func=_infer)


def _infer(args):
    from od_api.infer import infer

    discard = args.discard_image_pixels
    infer(args.model, args.records, args.output, discard_image_pixels=discard)
