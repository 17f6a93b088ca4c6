//! Finds sagas by a business key in the events that ledgers have.

use std::collections::BTreeSet;

use ballet_core::{EventType, Key};
use ballet_store::ledger::recorded_rows::with_text;
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;
use uuid::Uuid;

use crate::databases::{ServiceDatabase, ServiceDatabases};

/// A business key with a value, and the fields that may have it.
#[derive(Debug, Clone)]
pub struct KeyQuery {
    /// The fields that are the key, each with its event.
    pub fields: Vec<(EventType, Key)>,
    /// The value. A UUID is the same in any spelling.
    pub value: String,
}

impl KeyQuery {
    /// Whether an event of this type has the value in a key field.
    #[must_use]
    pub fn is_in(&self, event_type: &str, body: &[u8]) -> bool {
        let mut fields = self.fields.iter().filter(|(event, _)| event.name() == event_type);
        let Some(first) = fields.next() else { return false };
        let Ok(body) = serde_json::from_slice::<Value>(body) else { return false };
        let has =
            |(_, key): &(EventType, Key)| key.values(&body).iter().any(|value| self.is(value));
        has(first) || fields.any(has)
    }

    fn is(&self, value: &str) -> bool {
        let uuid = |text: &str| Uuid::try_parse(text).ok();
        value == self.value || uuid(value).is_some_and(|value| Some(value) == uuid(&self.value))
    }

    /// Returns the text in every body with the value, as services write it.
    fn text(&self) -> String {
        if let Ok(uuid) = Uuid::try_parse(&self.value) {
            return uuid.hyphenated().to_string();
        }
        // Without the quotes, since the value may be a number.
        let text = Value::from(self.value.as_str()).to_string();
        text[1..text.len() - 1].to_owned()
    }
}

/// The sagas that have a business key's value in their recorded events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyedSagas {
    /// Their ids.
    pub sagas: BTreeSet<Uuid>,
    /// The databases that could not be read, and why.
    pub away: Vec<String>,
}

/// Finds the sagas that have the key. The event that begins a saga is in no ledger.
///
/// `databases` has each service's database.
pub async fn keyed(databases: &[(String, PgConnectOptions)], key: &KeyQuery) -> KeyedSagas {
    let mut sources = ServiceDatabases::open(databases).await;
    let mut sagas = BTreeSet::new();
    for ServiceDatabase { server, db, .. } in sources.each() {
        sagas.extend(server.read(of_ledger(db, key)).await.into_iter().flatten());
    }
    let away = sources.why_away();
    sources.close().await;
    KeyedSagas { sagas, away }
}

async fn of_ledger(db: &mut PgConnection, key: &KeyQuery) -> Result<BTreeSet<Uuid>, sqlx::Error> {
    let types: Vec<&str> = key.fields.iter().map(|(event, _)| event.name()).collect();
    let mut sagas = BTreeSet::new();
    with_text(db, &types, &key.text(), |saga, event_type, body| {
        if key.is_in(event_type, body.as_bytes()) {
            sagas.insert(saga);
        }
    })
    .await?;
    Ok(sagas)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACED: EventType = EventType::in_saga("orders.order_placed.v1");

    #[test]
    fn only_the_whole_value_of_a_declared_field_counts() {
        let id = "0193f7a0-0001-7000-8000-00000000000a";
        let key = |value: &str| KeyQuery {
            fields: vec![(PLACED, Key::of("order", "order_id")), (PLACED, Key::of("order", "no"))],
            value: value.to_owned(),
        };
        let body = format!(r#"{{"order_id":"{id}","customer_id":"C\"1","no":17}}"#);
        let has = |value: &str| key(value).is_in(PLACED.name(), body.as_bytes());
        assert!(has(id) && has(&id.to_uppercase()) && has("17"));
        for other in [&id[1..], "C\"1", "7", "170", ""] {
            assert!(!has(other), "{other}");
        }
        assert!(!key(id).is_in("orders.order_completed.v1", body.as_bytes()));
        assert!(!key(id).is_in(PLACED.name(), b"no JSON"));
        assert_eq!(key(&id.to_uppercase()).text(), id);
        assert_eq!(key("a\"b").text(), "a\\\"b");
    }
}
