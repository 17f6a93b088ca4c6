"""The step of loyalty: points for an order, taken back when the order is cancelled.

This is the only file that knows what loyalty is. A participant of your own begins here.
"""

import uuid
from typing import Any

import psycopg

from .part import Part, Step

Event = dict[str, Any]


def read_order(event: Event) -> tuple[uuid.UUID, int]:
    """The customer and the total of an `orders.order_placed.v1`. Unknown fields are ignored."""
    amount = event["total"]["amount_minor"]
    if type(amount) is not int:
        raise ValueError(f"total.amount_minor is {amount!r} and no integer")
    return uuid.UUID(event["customer_id"]), amount


def grant_points(db: psycopg.Connection, order: tuple[uuid.UUID, int]) -> Event:
    """One point for each whole hundred minor units of the order's total."""
    customer_id, amount = order
    points = amount // 100
    add(db, customer_id, points)
    return {"customer_id": str(customer_id), "points": points}


def take_back_points(db: psycopg.Connection, granted: Event) -> Event:
    """Gets the event that the step published."""
    add(db, uuid.UUID(granted["customer_id"]), -granted["points"])
    return granted


def add(db: psycopg.Connection, customer_id: uuid.UUID, points: int) -> None:
    db.execute(
        "insert into account (customer_id, points) values (%s, %s)"
        " on conflict (customer_id) do update set points = account.points + excluded.points",
        (customer_id, points),
    )


PART = Part(
    service="loyalty",
    abort="orders.order_cancelled.v1",
    steps=(
        Step(
            name="grant_points",
            on="orders.order_placed.v1",
            read=read_order,
            run=grant_points,
            done="loyalty.points_granted.v1",
            compensate=take_back_points,
            compensated="loyalty.points_taken_back.v1",
        ),
    ),
    tables="create table if not exists account"
    " (customer_id uuid primary key, points bigint not null)",
)
