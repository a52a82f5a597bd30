"""A question to a function of training, evaluation or export: what does it refuse?"""

from od_api.core.errors import ConfigError, UserError


def refusals(function, *arguments, place="", within="", **settings):
    """Yields the ConfigError that a call raises, if it raises one.

    Args:
      function: what is called, with all further arguments.
      place: the field that a UserError, which knows of no field, is about.
      within: the message that the paths of a ConfigError start in; "" for the root.
    """
    try:
        function(*arguments, **settings)
    except ConfigError as error:
        yield error.within(within) if within else error
    except UserError as error:
        yield ConfigError(str(error), place)
