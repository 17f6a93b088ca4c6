//! The events that the services' databases have as published: a second witness and a source of what the journal has
//! lost.

use std::collections::{BTreeMap, HashSet};

use ballet_amqp::{Delivery, Outgoing};
use ballet_core::MessageId;
use ballet_store::outbox::left_behind::StoredEvent;
use ballet_store::outbox::published::{self, PublishedFilter};
use ballet_store::outbox::wire::OutgoingEvent;
use futures_util::TryStreamExt;
use jiff::Timestamp;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::databases::{ServiceDatabases, read_in_time};
use crate::missed::consumer_search::ConsumerSearch;
use crate::missed::missed_events::MissedEvent;
use crate::missed::witnesses::Witnesses;
use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::error::RedriveError;

/// Beyond this many ids, some stand for all.
const MOST_TOLD: usize = 1_000_000;

/// Reads the databases' published events of this time, all or each one's newest, and asks the consumers whether they
/// know them. Returns the ids, and why databases cannot be read.
pub(super) async fn told<'d>(
    databases: &'d [(String, PgConnectOptions)],
    period: (Timestamp, Timestamp),
    newest: Option<i64>,
    searches: &mut [ConsumerSearch<'_>],
) -> (HashSet<MessageId>, BTreeMap<&'d str, String>) {
    let ServiceDatabases { open, mut away } = ServiceDatabases::open(databases).await;
    let (mut told, mut one_in) = (HashSet::new(), 1);
    for mut source in open {
        let filter = PublishedFilter { period, ids: None, newest };
        let read = async {
            let mut events = published::events(&mut source.db, filter);
            while let Some(StoredEvent { message_id: id, event_type, saga_id, .. }) =
                events.try_next().await?
            {
                let saga = saga_id.map(|saga| saga.0.to_string());
                let event = MissedEvent { id, event_type, saga };
                for search in &mut *searches {
                    search.told(&event).await?;
                }
                if id.0.as_u128().is_multiple_of(one_in) {
                    told.insert(id);
                }
                if told.len() > MOST_TOLD {
                    one_in *= 2;
                    told.retain(|id| id.0.as_u128().is_multiple_of(one_in));
                }
            }
            Ok(())
        };
        if let Err(why) = read_in_time(&[source.server.options], read).await {
            away.insert(source.service, why);
        }
    }
    (told, away)
}

/// Sends the wanted events of the databases as they were published. Returns early if the reader is gone.
pub(super) async fn forward(
    witnesses: &Witnesses,
    service: &str,
    wanted: &[Uuid],
    sender: &mpsc::Sender<Result<DeadLetter, RedriveError>>,
) -> Result<(), RedriveError> {
    let Witnesses { databases, parts, since, .. } = witnesses;
    let ServiceDatabases { open, .. } = ServiceDatabases::open(databases).await;
    // An event may be in the ledger and in the outbox.
    let mut sent = HashSet::new();
    for mut source in open {
        let Some(part) = parts.iter().find(|part| part.service == source.service) else { continue };
        let period = (*since, Timestamp::MAX);
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
            if sender.send(Ok(DeadLetter::missed(service, id, delivery))).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}
