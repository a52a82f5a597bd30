"""`od-api data`: its actions."""

from od_api.commands import data_check_command, infer_command
from od_api.data import data_commands
from od_api.system.arguments import add_actions


def add_arguments(parser):
    """Adds the actions; each sets `func(args)`, which returns the status."""
    actions = add_actions(parser)
    data_commands.add_parsers(actions)
    data_check_command.add_arguments(
        actions.add_parser(
            "check",
            help="find what is wrong with a data set; exit status 2 if anything is",
        )
    )
    infer_command.add_arguments(
        actions.add_parser(
            "infer", help="write records with what a model finds in their images"
        )
    )
