"""Packs: several events of one type in one message, in CloudEvents' JSON batch format."""

import json
import uuid
from typing import Any

from pika import BasicProperties

from .message import MAX_BODY, Delivery, Unacceptable, check_delivery

PACK = "application/cloudevents-batch+json"
ALONE = "application/cloudevents+json"
MOST_MEMBERS = 1000
#: The attributes that are headers of a message of its own.
HEADERS = {"causationid": "causation_id"}
HEADERS |= {name: name for name in ("traceparent", "tracestate", "baggage")}


def split(delivery: Delivery) -> list[Delivery]:
    """The messages that a pack bears, as if each had come alone. Any other message is returned as it is."""
    content_type = (delivery.properties.content_type or "").partition(";")[0].strip().lower()
    if content_type != PACK:
        return [delivery]
    check_delivery(delivery)
    if len(delivery.body) > MAX_BODY:
        raise Unacceptable("body_too_big", f"{len(delivery.body)} bytes, the limit is {MAX_BODY}")
    if delivery.properties.content_encoding not in (None, "", "identity"):
        raise Unacceptable("wrong_content_encoding", "this service unpacks nothing")
    try:
        members = json.loads(delivery.body)
    except (ValueError, RecursionError) as error:
        raise Unacceptable("not_json", f"the pack is not JSON: {error!r}") from None
    if not isinstance(members, list) or not 1 <= len(members) <= MOST_MEMBERS:
        raise Unacceptable("not_a_pack", f"a pack is a list of 1 to {MOST_MEMBERS} CloudEvents")
    if delivery.headers().get("x-members", len(members)) != len(members):
        raise Unacceptable("not_a_pack", f"it has {len(members)} members, and its header says another number")
    return [alone(delivery, member) for member in members]


def alone(delivery: Delivery, member: Any) -> Delivery:
    """A member that is no whole event is refused by itself: its content type is none that this service reads."""
    shared = delivery.properties
    headers = {name: value for name, value in delivery.headers().items() if name != "x-members"}
    properties = BasicProperties(
        content_type=ALONE, app_id=shared.app_id, timestamp=shared.timestamp, headers=headers
    )
    body = member
    if is_event(member):
        properties.content_type = "application/json"
        properties.message_id, properties.type = member["id"], member["type"]
        properties.correlation_id = member.get("correlationid")
        headers |= {HEADERS[name]: member[name] for name in HEADERS if isinstance(member.get(name), str)}
        properties.headers = headers
        body = member["data"]
    return Delivery(delivery.method, properties, json.dumps(body).encode())


def is_event(member: Any) -> bool:
    if not isinstance(member, dict) or "data" not in member:
        return False
    texts = [member.get(name) for name in ("id", "source", "type")]
    texts += [member[name] for name in ("correlationid",) if name in member]
    if not all(isinstance(text, str) and 0 < len(text.encode()) <= 255 for text in texts):
        return False
    try:
        uuid.UUID(member["id"])
    except ValueError:
        return False
    is_json = member.get("datacontenttype", "application/json") == "application/json"
    return member.get("specversion") == "1.0" and is_json
