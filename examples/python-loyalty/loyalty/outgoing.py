"""The messages that the service publishes: its events, and copies of messages that it cannot handle."""

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from pika import BasicProperties

from . import ids
from .message import DROPPED, Delivery, Unacceptable, is_unkept, size_of
from .outbox import Row

PERSISTENT = 2
#: The properties that a copy keeps. `expiration` would end it, and `user_id` is its publisher's.
KEPT = (
    "content_type",
    "content_encoding",
    "priority",
    "correlation_id",
    "reply_to",
    "message_id",
    "timestamp",
    "type",
    "app_id",
)
#: The bytes of headers that a copy keeps. All of them together are one frame, and a copy has some more of ours: the
#: broker ends a connection whose frame is too big, and the same message would come first again, for ever.
MOST_KEPT = 64 * 1024


@dataclass(frozen=True)
class Publish:
    """A message on its way to an exchange."""

    exchange: str
    routing_key: str
    properties: BasicProperties
    body: bytes


def event(service: str, row: Row) -> Publish:
    """An event from the outbox. Its id was made with it, so a copy has the same."""
    headers = {"causation_id": str(row.causation_id)}
    if row.traceparent:
        headers["traceparent"] = row.traceparent
    properties = BasicProperties(
        content_type="application/json",
        type=row.type,
        message_id=str(row.message_id),
        correlation_id=str(row.saga_id),
        app_id=service,
        timestamp=int(row.created_at.timestamp()),
        delivery_mode=PERSISTENT,
        headers=headers,
    )
    return Publish("events", row.type, properties, row.body.encode())


def dead_letter(service: str, delivery: Delivery, why: Unacceptable, attempts: int) -> Publish:
    """The message, whole, with the reason. It lies in the service's `.dead` queue."""
    exchange, routing_key = origin(delivery)
    headers = {
        "x-dead-reason": why.reason,
        "x-dead-detail": why.detail,
        "x-dead-at": datetime.now(timezone.utc).isoformat().replace("+00:00", "Z"),
        "x-dead-service": service,
        "x-dead-exchange": exchange,
        "x-dead-routing-key": routing_key,
        "x-attempts": delivery.count("x-attempts") + attempts,
    }
    return copy("dead", service, delivery, headers)


def retry(service: str, queue: str, delivery: Delivery, detail: str, attempts: int) -> Publish:
    """The message, which waits in a retry queue and comes back to the service's own."""
    exchange, routing_key = origin(delivery)
    headers = {
        "x-retries": delivery.count("x-retries") + 1,
        "x-retry-detail": detail[:500],
        "x-retry-exchange": exchange,
        "x-retry-routing-key": routing_key,
        "x-attempts": delivery.count("x-attempts") + attempts,
    }
    return copy(queue, service, delivery, headers)


def origin(delivery: Delivery) -> tuple[str, str]:
    """The exchange and the key of the first publish, also if the message has come back as a copy."""
    headers = delivery.headers()
    if delivery.method.exchange in ("", "route"):
        for kind in ("retry", "dead"):
            first = headers.get(f"x-{kind}-exchange"), headers.get(f"x-{kind}-routing-key")
            if all(isinstance(part, str) for part in first):
                return first
    return delivery.method.exchange, delivery.method.routing_key


def copy(exchange: str, service: str, delivery: Delivery, more: dict[str, Any]) -> Publish:
    """The body is as it came. So are the properties that can be kept."""
    kept = {name: getattr(delivery.properties, name) for name in KEPT}
    kept = {name: value for name, value in kept.items() if not isinstance(value, bytes)}
    # Derived properties are written into the copy, which has another routing key when it comes back.
    routing_key = origin(delivery)[1]
    event_type = kept.get("type") or (routing_key if routing_key != service else None)
    kept["type"] = event_type
    if event_type and "message_id" in kept:
        text = delivery.body.decode("utf-8", errors="replace")
        saga = kept.get("correlation_id")
        kept["message_id"] = str(ids.message_id(kept["message_id"], event_type, saga, text))
    headers, sizes = {}, {}
    for name, value in delivery.headers().items():
        if isinstance(name, bytes) or name.startswith(DROPPED) or is_unkept(name, value):
            continue
        if (size := size_of(name, value)) is None:
            continue
        name = {"CC": "x-original-cc", "BCC": "x-original-bcc"}.get(name, name)
        headers[name], sizes[name] = value, size
    # The smallest: one that leaves the others no room is unlikely to be worth it.
    fitting, room = {}, MOST_KEPT
    for name in sorted(sizes, key=sizes.get):
        room -= sizes[name]
        if room < 0:
            break
        fitting[name] = headers[name]
    properties = BasicProperties(**kept, delivery_mode=PERSISTENT, headers={**fitting, **more})
    return Publish(exchange, service, properties, delivery.body)
