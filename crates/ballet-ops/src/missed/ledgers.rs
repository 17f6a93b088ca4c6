//! The events that the services' databases have as published: a second witness of what the journal should have, and a
//! source of what it has lost.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use ballet_amqp::{Delivery, Outgoing};
use ballet_core::{MessageId, Part};
use ballet_store::outbox::published::{self, PublishedFilter};
use ballet_store::outbox::wire::OutgoingEvent;
use futures_util::TryStreamExt;
use jiff::Timestamp;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::databases::{ServiceDatabases, read_in_time};
use crate::missed::journal::ServiceJournal;
use crate::missed::missed_events::MissedEvent;
use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::error::RedriveError;
use crate::restored::in_ledger;

/// The events of this time that the databases have as published, of which each may be missed, and why some databases
/// cannot be read.
pub(super) type ToldEvents<'a> = (HashMap<MessageId, MissedEvent>, BTreeMap<&'a str, String>);

/// Reads the events of this time that are published; all, or the newest ones of each database.
pub(super) async fn told(
    databases: &[(String, PgConnectOptions)],
    period: (Timestamp, Timestamp),
    newest: Option<i64>,
) -> ToldEvents<'_> {
    let ServiceDatabases { open, mut away } = ServiceDatabases::open(databases).await;
    let mut told = HashMap::new();
    for mut source in open {
        let options = source.options;
        let filter = PublishedFilter { period, ids: None, newest };
        let read = published::events(&mut source.db, filter)
            .map_ok(|event| {
                let (id, event_type) = (event.message_id, event.event_type);
                let saga = event.saga_id.map(|saga| saga.0.to_string());
                (id, MissedEvent { id, event_type, saga })
            })
            .try_collect::<Vec<_>>();
        match read_in_time(&[options], read).await {
            Ok(events) => told.extend(events),
            Err(why) => drop(away.insert(source.service, why)),
        }
    }
    (told, away)
}

/// Sends those events of the databases that are wanted, as they were published, to a reader. Returns early if it is
/// gone.
pub(super) async fn forward(
    journal: &ServiceJournal,
    wanted: &[Uuid],
    sender: &mpsc::Sender<Result<DeadLetter, RedriveError>>,
) -> Result<(), RedriveError> {
    let ServiceJournal { databases, parts, .. } = journal;
    let ServiceDatabases { open, .. } = ServiceDatabases::open(databases).await;
    // An event may be in the ledger and in the outbox.
    let mut sent = HashSet::new();
    for mut source in open {
        let Some(part) = parts.iter().find(|part| part.service == source.service) else { continue };
        let period = (journal.since, Timestamp::MAX);
        let filter = PublishedFilter { period, ids: Some(wanted), newest: None };
        let mut events = published::events(&mut source.db, filter);
        while let Some(event) = events.try_next().await? {
            let id = event.message_id;
            if !sent.insert(id) {
                continue;
            }
            let publish = OutgoingEvent::stored(part.service, event).to_publish();
            let delivery = Delivery {
                tag: 0,
                redelivered: false,
                exchange: publish.exchange,
                routing_key: publish.routing_key,
                properties: publish.properties,
                body: publish.body.into(),
            };
            if sender.send(Ok(DeadLetter::missed(journal.service(), id, delivery))).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Returns the types of the events of which no ledger has a copy: those that are published outside of steps, and those
/// of producers.
pub(super) fn kept_by_nobody(consumer: &Part, parts: &[Part]) -> BTreeSet<&'static str> {
    let kept: BTreeSet<&str> = parts.iter().flat_map(in_ledger).collect();
    let consumed = consumer.consumes().into_iter().map(|event| event.name());
    consumed.filter(|name| !kept.contains(name)).collect()
}
