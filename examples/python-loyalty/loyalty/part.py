"""A service's part in a saga, as data: its steps, and the event that aborts the saga."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg

Event = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """A step that never refuses, and its compensation. Both write to the given transaction."""

    name: str
    on: str
    #: Reads the fields that the step needs of the event. Raises an exception if the event has another shape.
    read: Callable[[Event], Any]
    run: Callable[[psycopg.Connection, Any], Event]
    done: str
    #: Gets the event that `run` returned.
    compensate: Callable[[psycopg.Connection, Event], Event]
    compensated: str


@dataclass(frozen=True)
class Part:
    """Everything that the service does in the saga."""

    service: str
    abort: str
    steps: tuple[Step, ...]
    #: SQL that makes the service's own tables, and may run again.
    tables: str

    def types(self) -> list[str]:
        """The events that the service consumes."""
        return [self.abort, *(step.on for step in self.steps)]
