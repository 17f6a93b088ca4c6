"""The contract of messages: how one is read, and why one is refused."""

import json
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pika import BasicProperties
from pika.spec import Basic

from . import ids
from .part import Part

MAX_BODY = 1024 * 1024
MAX_HEADERS = 32 * 1024
MOST_HEADERS = 64
DEEPEST_HEADER = 8
#: More than we and the broker ever add to a copy.
MOST_OURS = 100
MAX_OURS = 16 * 1024
#: Headers that are about another copy, and headers that the broker writes or acts on.
DROPPED = ("x-retr", "x-dead-", "x-death", "x-first-death-", "x-last-death-", "x-delivery-count")
DROPPED += ("x-stream-", "x-basic-", "x-opt-", "x-acquired-count", "x-exchange", "x-routing-key")
DROPPED += ("x-cc", "x-delay")
#: Those, and the headers that were added to a copy that came back, or that a person has edited or sent back.
NOT_THE_PRODUCERS = (*DROPPED, "x-attempts", "x-original-", "x-redriv", "x-edited-", "x-discarded-")
#: A message that comes again this often may be the one that ends the process.
DELIVERY_LIMIT = 20
#: A header that says more is no count of ours.
MOST_COUNTED = 2**31


class Unacceptable(Exception):
    """Why a message becomes a dead letter: a code for machines and a sentence for people."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail[:500]


@dataclass(frozen=True)
class Delivery:
    """A message as the broker delivers it."""

    method: Basic.Deliver
    properties: BasicProperties
    body: bytes

    def headers(self) -> dict[str, Any]:
        return self.properties.headers or {}

    def count(self, name: str) -> int:
        value = self.headers().get(name)
        return value if isinstance(value, int) and 0 <= value <= MOST_COUNTED else 0


@dataclass(frozen=True)
class Message:
    """A message that was read."""

    message_id: uuid.UUID
    type: str
    saga_id: uuid.UUID
    traceparent: str | None
    event: dict[str, Any]


def read(part: Part, delivery: Delivery) -> Message:
    """Reads a message. The result depends on the message alone, so every attempt reads the same."""
    check_delivery(delivery)
    text = body_of(delivery)
    event_type = type_of(part, delivery)
    properties = delivery.properties
    if properties.app_id and properties.app_id != event_type.split(".")[0]:
        detail = f"`app_id` {properties.app_id!r} may not publish {event_type}"
        raise Unacceptable("forged_app_id", detail)
    traceparent = delivery.headers().get("traceparent")
    return Message(
        message_id=ids.message_id(
            properties.message_id, event_type, properties.correlation_id, text
        ),
        type=event_type,
        saga_id=saga_of(event_type, properties.correlation_id),
        traceparent=traceparent if isinstance(traceparent, str) else None,
        event=parse(text),
    )


def check_delivery(delivery: Delivery) -> None:
    """Refuses a message that cannot be read, or must not be handled at all."""
    deliveries = delivery.count("x-delivery-count")
    if deliveries >= DELIVERY_LIMIT:
        detail = f"the message was delivered {deliveries} times and never settled"
        raise Unacceptable("crash_loop", detail)
    # The client leaves bytes where a text is not UTF-8.
    headers = delivery.headers()
    unread = [name for name, value in vars(delivery.properties).items() if isinstance(value, bytes)]
    unread += [repr(name) for name in headers if isinstance(name, bytes)]
    if unread:
        raise Unacceptable("unreadable_properties", f"not UTF-8, or worse: {', '.join(unread)}")
    if "CC" in headers:
        raise Unacceptable("carbon_copy", "publish the message without `CC`, once for each event")
    # A message that comes back has more of ours. Nobody gets past the limits by using their names.
    foreign = [name for name in headers if not name.startswith(NOT_THE_PRODUCERS)]
    ours = [name for name in headers if name.startswith(NOT_THE_PRODUCERS)]
    count = sum(count_of(headers[name]) for name in foreign)
    count += max(0, sum(count_of(headers[name]) for name in ours) - MOST_OURS)
    if count > MOST_HEADERS:
        raise Unacceptable("headers_too_big", f"{count} headers, the limit is {MOST_HEADERS}")
    size = sum(size_of(name, headers[name]) or 0 for name in foreign)
    size += max(0, sum(size_of(name, headers[name]) or 0 for name in ours) - MAX_OURS)
    if size > MAX_HEADERS:
        detail = f"{size} bytes of headers, the limit is {MAX_HEADERS}"
        raise Unacceptable("headers_too_big", detail)
    if any(depth_of(value) > DEEPEST_HEADER for value in headers.values()):
        detail = f"a header is nested deeper than {DEEPEST_HEADER} levels"
        raise Unacceptable("headers_too_big", detail)
    unkept = [name for name, value in headers.items() if is_unkept(name, value)]
    if unkept:
        raise Unacceptable("unkept_header", f"the journal cannot keep {', '.join(unkept)}")


def nested_in(value: Any) -> list[Any] | None:
    """The values in a table or a list, and `None` for any other value."""
    nested = list(value.values()) if isinstance(value, dict) else value
    return nested if isinstance(nested, list) else None


def count_of(value: Any) -> int:
    """The number of headers in a value, with those in tables and lists."""
    return 1 + sum(count_of(inner) for inner in nested_in(value) or [])


def depth_of(value: Any) -> int:
    """The depth to which tables and lists are nested in a value."""
    return max((1 + depth_of(inner) for inner in nested_in(value) or []), default=0)


def is_unkept(name: str, value: Any) -> bool:
    """A header that the journal, a stream, cannot keep: it would not keep a copy of it either."""
    nested = nested_in(value)
    if nested is not None:
        return any(is_unkept("", inner) for inner in nested)
    return name.startswith("x-basic-") or isinstance(value, Decimal)


def size_of(name: str, value: Any) -> int | None:
    """How many bytes a header takes, or `None` for one that the client reads and cannot write: it takes a negative
    number for one beyond 64 bits with a sign."""
    try:
        return sum(len(piece) for piece in BasicProperties(headers={name: value}).encode())
    except Exception:
        return None


def body_of(delivery: Delivery) -> str:
    properties = delivery.properties
    content_type = (properties.content_type or "application/json").lower().replace(" ", "")
    if content_type not in ("application/json", "application/json;charset=utf-8"):
        detail = f"{properties.content_type!r} is not JSON in UTF-8"
        raise Unacceptable("wrong_content_type", detail)
    if properties.content_encoding not in (None, "", "identity"):
        detail = f"this service does not unpack {properties.content_encoding!r}"
        raise Unacceptable("wrong_content_encoding", detail)
    if len(delivery.body) > MAX_BODY:
        raise Unacceptable("body_too_big", f"{len(delivery.body)} bytes, the limit is {MAX_BODY}")
    try:
        return delivery.body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unacceptable("not_utf8", f"the body is not UTF-8: {error.reason}") from None


def type_of(part: Part, delivery: Delivery) -> str:
    """The event's name. The broker has checked the routing key, so both have to agree."""
    # A message that comes back from a retry queue, or is redriven, has the queue's name.
    routing_key = delivery.method.routing_key
    event_type = delivery.properties.type or routing_key
    if event_type == part.service:
        raise Unacceptable("no_type", "the message has no `type`, and its routing key is no event")
    if routing_key not in (event_type, part.service):
        detail = f"the type is {event_type!r}, and the routing key is {routing_key!r}"
        raise Unacceptable("forged_type", detail)
    if event_type in part.types():
        return event_type
    name = event_type.rpartition(".")[0]
    if name in [known.rpartition(".")[0] for known in part.types()]:
        raise Unacceptable("unknown_version", f"{event_type!r} is known in another version")
    raise Unacceptable("unknown_type", f"{part.service} does not consume {event_type!r}")


def saga_of(event_type: str, given: str | None) -> uuid.UUID:
    if not given:
        detail = f"{event_type} belongs to a running saga: set the correlation id to the saga's id"
        raise Unacceptable("no_correlation_id", detail)
    try:
        return uuid.UUID(given)
    except ValueError:
        raise Unacceptable("wrong_correlation_id", f"{given!r} is not a UUID") from None


def parse(text: str) -> dict[str, Any]:
    def no_number(name: str) -> None:
        raise ValueError(f"{name} is no number")

    try:
        event = json.loads(text, parse_constant=no_number)
    except RecursionError:
        raise Unacceptable("too_deep", "the body is nested too deep") from None
    except ValueError as error:
        raise Unacceptable("not_json", f"the body is not JSON: {error}") from None
    if not isinstance(event, dict):
        raise Unacceptable("wrong_shape", "the body is not an object")
    return event
