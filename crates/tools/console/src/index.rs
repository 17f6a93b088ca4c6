//! The console's database as an index of sagas, so that commands need not search all ledgers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::Broker;
use ballet_ops::stream::end;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::observer::journal_identity::is_another;
use crate::store::{append, search};

/// A slower index, outside of this network, is not used.
const PATIENCE: Duration = Duration::from_secs(3);
/// It gets recent events within this time.
const CATCHES_UP: Duration = Duration::from_secs(2);

/// The index of a console that has read the whole journal.
#[derive(Debug)]
pub struct Index {
    db: PgConnection,
}

/// The state of a console's index.
#[derive(Debug)]
pub enum IndexState {
    /// It has everything that the journal has.
    Index(Index),
    /// It lacks recent events: no console runs, it is behind, or the journal lost some.
    Behind,
    /// There is none.
    None,
}

impl Index {
    /// Opens the index, if it has all that the journal has now.
    pub async fn open(options: &PgConnectOptions, broker: &Arc<dyn Broker>) -> IndexState {
        let Ok(Ok(mut db)) = timeout(PATIENCE, PgConnection::connect_with(options)).await else {
            return IndexState::None;
        };
        let Ok(Ok(read)) = timeout(PATIENCE, append::read(&mut db)).await else {
            return IndexState::None;
        };
        let Ok(Ok(false)) = timeout(PATIENCE, is_another(&mut db, broker)).await else {
            return IndexState::Behind;
        };
        let Ok(Ok(end)) = timeout(PATIENCE, end(broker)).await else { return IndexState::Behind };
        let wanted = end.map_or(0, |end| end + 1);
        let mut next = read.next;
        let until = Instant::now() + CATCHES_UP;
        while u64::try_from(next - read.shift()).is_ok_and(|next| next < wanted) {
            if Instant::now() > until {
                return IndexState::Behind;
            }
            sleep(Duration::from_millis(100)).await;
            match append::next(&mut db).await {
                Ok(now) => next = now,
                Err(_) => return IndexState::Behind,
            }
        }
        IndexState::Index(Self { db })
    }

    /// Returns the sagas with an event with this business key.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn keyed(&mut self, key: &str, value: &str) -> Result<BTreeSet<Uuid>, sqlx::Error> {
        let value = Uuid::try_parse(value).map_or_else(|_| value.to_owned(), |id| id.to_string());
        search::keyed(&mut self.db, key, &value).await
    }

    /// Returns the sagas whose ids end with these digits.
    ///
    /// # Errors
    ///
    /// The database does not answer.
    pub async fn ending(&mut self, digits: &str) -> Result<BTreeSet<Uuid>, sqlx::Error> {
        search::ending(&mut self.db, digits).await
    }
}
