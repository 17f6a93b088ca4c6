#!/usr/bin/env python3
"""Drops checkouts into the shop, as a shop front in any language can: `pip install pika`, then
    AMQP_URL=amqp://storefront:<password>@127.0.0.1:5672/shop examples/producer.py --count 10
    AMQP_URL=... examples/producer.py --returned    what no service could handle, and why
"""
import argparse, json, os, secrets, sys, time, uuid
import pika
from pika import exceptions

ATTEMPTS = 5
CARDS = ["card_approved", "card_approved", "card_approved", "card_declined"]

def uuid7():
    """An id that grows with time (RFC 9562): consumers drop a message whose id they know."""
    value = time.time_ns() // 1_000_000 << 80 | 0x7 << 76 | secrets.randbits(12) << 64
    return str(uuid.UUID(int=value | 0x2 << 62 | secrets.randbits(62)))

def checkout(order):
    """An order's card, and its checkout: always the same, so a message that is sent again has the same body."""
    number = uuid.UUID(order).int
    card, customer = CARDS[number % len(CARDS)], str(uuid.UUID(int=number ^ 0xFFFF))
    # The price of a mug at catalog, and the version of the product that has it (GET /products/mug).
    price = {"amount_minor": 1250, "currency": "EUR"}
    home = {"name": "Pia Kamp", "street": "Am Hafen 3", "postal_code": "20457", "city": "Hamburg", "country": "DE"}
    lines = [{"sku": "mug", "quantity": 1, "unit_price": price, "product_version": 1}]
    return card, {"customer_id": customer, "lines": lines, "card_token": card, "ship_to": home}

def show_returned(channel):
    """Takes returned messages out of the queue, and prints the reasons. Each has the id that it was sent with."""
    while True:
        method, properties, _ = channel.basic_get("storefront.returned")
        if method is None:
            return
        why = properties.headers
        print(f"{properties.message_id} came back from {why['x-dead-service']}: {why['x-dead-detail']}", flush=True)
        channel.basic_ack(method.delivery_tag)

def connected(url):
    channel = pika.BlockingConnection(pika.URLParameters(url)).channel()
    channel.confirm_delivery()  # From here on basic_publish waits for the broker's word.
    return channel

def publish(channel, url, order, body):
    """Publishes until the broker has the message, and returns a channel that works. Nobody knows whether a message
    arrived before its connection was lost: it is sent again under the same id, and counts once."""
    properties = pika.BasicProperties(content_type="application/json", type="cart.checked_out.v1",
                                      message_id=order, app_id="storefront", delivery_mode=2)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            channel = channel or connected(url)
            channel.basic_publish("events", "cart.checked_out.v1", body, properties, mandatory=True)
            return channel
        except (exceptions.NackError, exceptions.AMQPConnectionError, OSError) as error:
            if not isinstance(error, exceptions.NackError):
                channel = None
            if attempt == ATTEMPTS:
                sys.exit(f"\nerror: nobody knows whether the broker has {order}: {error!r}; send it again with --id {order}")
            print(f"\n{error!r}: sending it again under the same id", file=sys.stderr)
            time.sleep(attempt)

def main():
    options = argparse.ArgumentParser(description="Drops checkouts into the shop.")
    options.add_argument("--count", type=int, default=1, help="how many (1)")
    options.add_argument("--id", type=uuid.UUID, help="send one whose outcome is unknown again, under its id")
    options.add_argument("--returned", action="store_true", help="show what came back, and send nothing")
    development = "amqp://storefront:storefront-development@127.0.0.1:5672/shop"
    options.add_argument("--url", default=os.environ.get("AMQP_URL", development), help="the broker (AMQP_URL)")
    options = options.parse_args()
    channel = connected(options.url)
    if options.returned:
        show_returned(channel)
    else:
        orders = [str(options.id)] if options.id else [uuid7() for _ in range(options.count)]
        for order in orders:
            card, body = checkout(order)
            # The id is printed before the message is sent: under another one it would be a second order.
            print(f"{order} {card}", end=" ", flush=True)
            channel = publish(channel, options.url, order, json.dumps(body))
            print("is with the broker", flush=True)
    try:
        channel.connection.close()
    except exceptions.AMQPError:
        pass  # All is confirmed, or shown.

if __name__ == "__main__":
    try:
        main()
    except exceptions.UnroutableError:
        sys.exit("\nerror: no queue takes this event: has the broker loaded broker/definitions.json?")
    except exceptions.ChannelClosedByBroker as error:
        sys.exit(f"\nerror: the broker refused the event: {error.reply_text}")
    except (exceptions.AMQPConnectionError, OSError) as error:
        sys.exit(f"error: the broker cannot be reached, or the connection is lost: {error!r}")
