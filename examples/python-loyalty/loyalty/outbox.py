"""The outbox: events are written in the transaction that makes them true, and published after it."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from . import ids
from .message import Message
from .part import Event


@dataclass(frozen=True)
class Row:
    """An event that waits to be published."""

    position: int
    message_id: uuid.UUID
    type: str
    saga_id: uuid.UUID
    causation_id: uuid.UUID
    traceparent: str | None
    body: str
    created_at: datetime


def add(
    db: psycopg.Connection, now: datetime, cause: Message, event_type: str, event: Event
) -> None:
    """Part of the caller's transaction. The id is made here, once: a copy is the same message."""
    db.execute(
        "insert into outbox"
        " (message_id, type, saga_id, causation_id, traceparent, body, created_at)"
        " values (%s, %s, %s, %s, %s, %s, %s)",
        (
            ids.new_id(now),
            event_type,
            cause.saga_id,
            cause.message_id,
            cause.traceparent,
            json.dumps(event, separators=(",", ":")),
            now,
        ),
    )


def publish(db: psycopg.Connection, send: Callable[[Row], None]) -> None:
    """Publishes committed events, also those of a process that is gone. `send` returns when the
    broker has confirmed. A death before the commit publishes them again, under the same ids."""
    found = True
    while found:
        with db.transaction(), db.cursor(row_factory=class_row(Row)) as cursor:
            cursor.execute(
                "delete from outbox where position in (select position from outbox"
                " order by position limit 20 for update skip locked) returning *"
            )
            found = sorted(cursor.fetchall(), key=lambda row: row.position)
            for row in found:
                send(row)
