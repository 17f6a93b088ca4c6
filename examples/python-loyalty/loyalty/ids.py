"""The ids of messages: new ones, the time in them, and those that are derived from a message."""

import secrets
import uuid
from datetime import datetime, timedelta, timezone

#: The namespace of ids for messages without a UUID of their own. All consumers derive the same.
DERIVED = uuid.UUID("62616c6c-6574-5000-8000-646572697665")


def new_id(now: datetime) -> uuid.UUID:
    """A UUIDv7 (RFC 9562): it tells its age, so receivers know how long to remember it."""
    milliseconds = int(now.timestamp() * 1000)
    value = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64
    return uuid.UUID(int=value | 0x2 << 62 | secrets.randbits(62))


def age(of: uuid.UUID, now: datetime) -> timedelta | None:
    """The age of an id; none for an id without a time. An id from the future has an age below zero."""
    if of.version != 7:
        return None
    try:
        return now - datetime.fromtimestamp((of.int >> 80) / 1000, timezone.utc)
    except (OverflowError, ValueError, OSError):
        return timedelta.min


def message_id(given: str | None, event_type: str, saga: str | None, body: str) -> uuid.UUID:
    """The id under which every consumer knows a message. The same body in another saga is another message."""
    if not given:
        of = f"{event_type}\1{saga}" if saga else event_type
        return uuid.uuid5(DERIVED, f"{of}\0{body}")
    try:
        return uuid.UUID(given)
    except ValueError:
        return uuid.uuid5(DERIVED, given)
