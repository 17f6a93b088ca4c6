"""The effects of one message, in one transaction: inbox, ledger, the step's own rows, outbox."""

from datetime import datetime, timedelta

import psycopg
from psycopg.types.json import Jsonb

from . import ids, outbox
from .message import Message, Unacceptable
from .part import Part, Step

#: The times for which message ids and sagas are remembered. Older ones are refused: nobody guesses.
INBOX = timedelta(days=7)
LEDGER = timedelta(days=90)
AHEAD = timedelta(minutes=5)
#: The number of rows that one statement removes.
PORTION = 5000


def handle(db: psycopg.Connection, part: Part, message: Message) -> None:
    """Handles a message once, however often it comes and to how many processes."""
    with db.transaction():
        # The work on one saga is serial, over all processes of the service.
        locked = "select pg_advisory_xact_lock(hashtextextended(%s, 0)), now()"
        _, now = db.execute(locked, (str(message.saga_id),)).fetchone()
        check_age(message, now)
        seen = "insert into inbox (message_id) values (%s) on conflict do nothing"
        if db.execute(seen, (message.message_id,)).rowcount == 0:
            return
        if message.type == part.abort:
            abort(db, part, message, now)
        for step in part.steps:
            if message.type == step.on:
                run(db, step, message, now)


def run(db: psycopg.Connection, step: Step, message: Message, now: datetime) -> None:
    """Runs a step, unless it has run for the saga, or the saga is aborted."""
    try:
        wanted = step.read(message.event)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        detail = f"the body does not have the shape of {message.type}: {error!r}"
        raise Unacceptable("wrong_shape", detail) from None
    aborted = "select from tombstone where saga_id = %s"
    if db.execute(aborted, (message.saga_id,)).rowcount > 0:
        return
    known = "select from ledger where saga_id = %s and step = %s"
    if db.execute(known, (message.saga_id, step.name)).rowcount > 0:
        return
    outcome = step.run(db, wanted)
    done = "insert into ledger (saga_id, step, state, outcome) values (%s, %s, 'done', %s)"
    db.execute(done, (message.saga_id, step.name, Jsonb(outcome)))
    outbox.add(db, now, message, step.done, outcome)


def abort(db: psycopg.Connection, part: Part, message: Message, now: datetime) -> None:
    """Leaves the tombstone first, in any case. Then it undoes the steps, the last first."""
    tombstone = "insert into tombstone (saga_id) values (%s) on conflict do nothing"
    db.execute(tombstone, (message.saga_id,))
    undone = (
        "update ledger set state = 'undone'"
        " where saga_id = %s and step = %s and state = 'done' returning outcome"
    )
    for step in reversed(part.steps):
        row = db.execute(undone, (message.saga_id, step.name)).fetchone()
        if row:
            outbox.add(db, now, message, step.compensated, step.compensate(db, row[0]))


def check_age(message: Message, now: datetime) -> None:
    """Refuses a message that is too old to be remembered. The time is the database's."""
    oldest = {
        "too_old_to_deduplicate": (message.message_id, INBOX),
        "saga_too_old": (message.saga_id, LEDGER),
    }
    for reason, (of, limit) in oldest.items():
        age = ids.age(of, now)
        if age is not None and age > limit:
            detail = f"the id {of} is {age.days} days old, the limit is {limit.days}"
            raise Unacceptable(reason, detail)
        if age is not None and age < -AHEAD:
            raise Unacceptable("clock_ahead", f"the id {of} lies in the future: set the clocks")


def forget(db: psycopg.Connection) -> bool:
    """Removes a portion of the rows that no accepted message can need any more. Returns whether there are more."""
    of = (("inbox", "received_at", INBOX), ("ledger", "recorded_at", LEDGER))
    of += (("tombstone", "recorded_at", LEDGER),)
    is_more = False
    for table, column, limit in of:
        # All at once may take longer than a statement may, and then nothing is removed. The names are those above.
        statement = (
            f"delete from {table} where ctid in"
            f" (select ctid from {table} where {column} < now() - %s limit %s)"
        )
        removed = db.execute(statement, (limit + timedelta(days=1), PORTION)).rowcount
        is_more = is_more or removed == PORTION
    return is_more
