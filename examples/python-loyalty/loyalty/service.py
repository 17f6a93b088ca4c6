"""The service: takes messages, commits their effects, publishes, acknowledges; and comes back when
a server was away."""

import logging
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pika
import psycopg
from pika.adapters.blocking_connection import BlockingChannel
from pika.adapters.utils.connection_workflow import AMQPConnectorException
from pika.exceptions import AMQPError

from . import outbox, outgoing, saga
from .message import Delivery, Unacceptable, read
from .outgoing import Publish
from .pack import split
from .part import Part
from .properties import install_properties

LOG = logging.getLogger(__name__)
#: A server that is away. Messages that were not committed then come again.
LOST = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    AMQPError,
    AMQPConnectorException,
    OSError,
)
#: Messages that the broker hands out ahead.
PREFETCH = 50
#: The time between two looks at the outbox and at the wish to stop while no message comes, in seconds.
TICK = 0.5
#: The time between two removals of old rows, in seconds, and the pause after a portion that was not the last.
FORGET_EVERY = 3600.0
FORGET_REST = 1.0
#: A confirm that takes longer does not come: the event is published again, over a new connection.
CONFIRMED_WITHIN = 30.0
LONGEST_PAUSE = 5.0
#: The queues in which a message waits after attempt 1, 2, ... A message that has waited in all of them is dead.
RETRIES = ("retry.5s", "retry.30s", "retry.5m", "retry.5m")
AT_ONCE = 3


class Service:
    """A participant in one process. Any number of them may run beside each other."""

    def __init__(self, part: Part, amqp_url: str, database_url: str) -> None:
        self.part = part
        self.database_url = database_url
        self.stopping = threading.Event()
        self.forget_at = time.monotonic()
        self.broker = pika.URLParameters(amqp_url)
        self.broker.heartbeat = 10
        self.broker.blocked_connection_timeout = 60
        self.broker.client_properties = {"connection_name": part.service}
        install_properties()

    def stop(self) -> None:
        """Ends `run` after the message at hand. It may be called from a signal handler."""
        self.stopping.set()

    def run(self) -> None:
        """Serves until `stop`. Other processes get the messages that are not acknowledged then."""
        pause = 0.1
        while not self.stopping.is_set():
            begun = time.monotonic()
            try:
                self.serve()
            except LOST as error:
                if time.monotonic() - begun > LONGEST_PAUSE:
                    pause = 0.1
                LOG.warning("a server is away, next attempt in %.1f s: %r", pause, error)
                self.stopping.wait(pause * random.uniform(0.8, 1.2))
                pause = min(2 * pause, LONGEST_PAUSE)
        LOG.info("stopped")

    def serve(self) -> None:
        """Without its database the service has no consumer, and its messages wait in the queue."""
        with connect(self.database_url) as db:
            make_tables(db, self.part)
            with pika.BlockingConnection(self.broker) as connection:
                channel = connection.channel()
                channel.confirm_delivery()
                channel.basic_qos(prefetch_count=PREFETCH)
                LOG.info("serving %s", self.part.service)
                self.consume(db, channel)

    def consume(self, db: psycopg.Connection, channel: BlockingChannel) -> None:
        for method, properties, body in channel.consume(self.part.service, inactivity_timeout=TICK):
            if self.stopping.is_set():
                return
            if method:
                self.take(db, channel, Delivery(method, properties, body))
            # After the commit, and at times: others may have left something.
            outbox.publish(db, lambda row: send(channel, outgoing.event(self.part.service, row)))
            if time.monotonic() >= self.forget_at:
                self.forget(db)
        raise ConnectionError("the broker has cancelled the consumer: is the queue there?")

    def forget(self, db: psycopg.Connection) -> None:
        """Removes some old rows. If that fails it is tried again later: messages go on."""
        self.forget_at = time.monotonic() + FORGET_EVERY
        try:
            if saga.forget(db):
                self.forget_at = time.monotonic() + FORGET_REST
        except psycopg.Error as error:
            if db.closed or db.broken:
                raise
            LOG.warning("what is old stays for now: %r", error)

    def take(self, db: psycopg.Connection, channel: BlockingChannel, delivery: Delivery) -> None:
        """Acknowledges a message, or a pack, when its effects are committed, or its copies are confirmed."""
        try:
            members = split(delivery)
        except Unacceptable as why:
            self.set_aside(channel, delivery, why)
            members = []
        for member in members:
            self.take_one(db, channel, member)
        channel.basic_ack(delivery.method.delivery_tag)

    def take_one(
        self, db: psycopg.Connection, channel: BlockingChannel, delivery: Delivery
    ) -> None:
        """Commits its effects, or publishes a copy."""
        service = self.part.service
        try:
            failed = self.attempt(db, delivery)
            if failed:
                waited = delivery.count("x-retries")
                if waited >= len(RETRIES):
                    raise Unacceptable("failed", failed)
                LOG.warning("a message is tried again later: %s", failed)
                send(channel, outgoing.retry(service, RETRIES[waited], delivery, failed, AT_ONCE))
        except Unacceptable as why:
            self.set_aside(channel, delivery, why)

    def set_aside(self, channel: BlockingChannel, delivery: Delivery, why: Unacceptable) -> None:
        LOG.error("a message is set aside: %s", why.reason)
        attempts = AT_ONCE if why.reason == "failed" else 1
        send(channel, outgoing.dead_letter(self.part.service, delivery, why, attempts))

    def attempt(self, db: psycopg.Connection, delivery: Delivery) -> str | None:
        """Handles a message. Returns the reason if it failed each time."""
        message = read(self.part, delivery)
        failed = None
        for _ in range(AT_ONCE):
            try:
                saga.handle(db, self.part, message)
                return None
            except Unacceptable:
                raise
            except Exception as error:
                # A lost database is not the message's failure.
                if db.closed or db.broken:
                    raise
                failed = repr(error)
        return failed


def connect(url: str) -> psycopg.Connection:
    """A session that notices within seconds that the database is gone."""
    return psycopg.connect(
        url,
        autocommit=True,
        connect_timeout=5,
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
        tcp_user_timeout=10_000,
        options="-c statement_timeout=10s -c idle_in_transaction_session_timeout=60s",
    )


def make_tables(db: psycopg.Connection, part: Part) -> None:
    """Replicas may start at the same time, so one of them makes the tables."""
    with db.transaction():
        db.execute("select pg_advisory_xact_lock(0)")
        db.execute((Path(__file__).parent / "schema.sql").read_text(encoding="utf-8"))
        db.execute(part.tables)


def send(channel: BlockingChannel, publish: Publish) -> None:
    """Publishes, and returns when the broker has confirmed."""
    with at_most(CONFIRMED_WITHIN):
        channel.basic_publish(
            publish.exchange, publish.routing_key, publish.body, publish.properties, mandatory=True
        )


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    def expired(*_: object) -> None:
        raise TimeoutError(f"the broker has confirmed nothing for {seconds:.0f} seconds")

    signal.signal(signal.SIGALRM, expired)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
