"""Lines for the run's log. The host bounds them, strips control characters and puts the connector's name in front."""

from wit_world.imports import log as wit


def debug(message: str) -> None:
    """Writes what only the author of the connector wants to see."""
    wit.write(wit.Level.DEBUG, message)


def info(message: str) -> None:
    """Writes what an operator may want to see."""
    wit.write(wit.Level.INFO, message)


def warn(message: str) -> None:
    """Writes what somebody should look at."""
    wit.write(wit.Level.WARN, message)
