"""`od-api techniques`: its arguments, and what it prints."""


def add_arguments(parser):
    """Adds the arguments, and `func(args)`."""
    choices = ("table", "json", "markdown")
    parser.add_argument("--format", choices=choices, default="table")
    parser.set_defaults(func=_techniques)


def _techniques(args):
    from od_api.techniques.row_formats import FORMATS
    from od_api.techniques.technique_rows import technique_rows

    print(FORMATS[args.format](technique_rows()))
