//! A house that owns lamps, and those who keep copies of them.

use std::collections::BTreeMap;

use ballet::core::Versioned;
use ballet::{Entity, EntityEvent, EventType, Handle, Migration, Participant};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Lamp {
    pub(crate) text: String,
}

impl Entity for Lamp {
    const NAME: &'static str = "lamp";
    const REPUBLISHED: EventType = EventType::plain("house.lamps_republished.v1");
    const REQUESTS: &'static [EventType] = &[
        EventType::plain("porter.lamps_requested.v1"),
        EventType::plain("gardener.lamps_requested.v1"),
    ];
}

ballet_testkit::events! {
    LampChanged = plain "house.lamp_changed.v1" { lamp: Versioned<Lamp> }
    /// An owner need not embed the version as a whole.
    LampRemoved = plain "house.lamp_removed.v1" { lamp_id: String, version: i64 }
}

impl EntityEvent for LampChanged {
    type Entity = Lamp;

    fn into_version(self) -> Versioned<Lamp> {
        self.lamp
    }
}

impl EntityEvent for LampRemoved {
    type Entity = Lamp;

    fn into_version(self) -> Versioned<Lamp> {
        Versioned::removed(self.lamp_id, self.version)
    }
}

pub(crate) const HOUSE_TABLES: &[Migration] = &[Migration {
    name: "0001_lamp",
    sql: "create table lamp (lamp_id text collate \"C\" primary key, version bigint not null, \
              text text); \
          create view shared_lamp as select lamp_id as id, version, \
              case when text is not null then jsonb_build_object('text', text) end as state \
              from lamp;",
}];

pub(crate) fn house() -> Participant {
    Participant::new("house")
        .publishes::<LampChanged>()
        .publishes::<LampRemoved>()
        .shares::<Lamp>("shared_lamp")
}

pub(crate) fn reader(name: &'static str) -> Participant {
    Participant::new(name)
        .copies::<Lamp>(|copy| copy.fed_by::<LampChanged>().fed_by::<LampRemoved>())
}

/// Changes a lamp as the house does, or removes it without a text.
pub(crate) async fn change(house: &Handle, id: &str, text: Option<&str>) {
    let mut unit = house.unit().await.expect("a transaction");
    let mut tx = unit.tx();
    let changed = sqlx::query_as(
        "insert into lamp as mine values ($1, 1, $2) on conflict (lamp_id) do update \
         set version = mine.version + 1, text = excluded.text returning version",
    );
    let (version,): (i64,) = changed.bind(id).bind(text).fetch_one(tx.db()).await.expect("a row");
    match text.map(str::to_owned) {
        Some(text) => {
            tx.publish(&LampChanged { lamp: Versioned::of(id, version, Lamp { text }) }).await
        }
        None => tx.publish(&LampRemoved { lamp_id: id.to_owned(), version }).await,
    }
    .expect("published");
    unit.commit().await.expect("committed");
}

/// Lamps by id: the version, and the text unless it is removed.
pub(crate) type Lamps = BTreeMap<String, (i64, Option<String>)>;

pub(crate) async fn owned(house: &mut PgConnection) -> Lamps {
    let rows: Vec<(String, i64, Option<String>)> =
        sqlx::query_as("select * from lamp").fetch_all(house).await.expect("lamps");
    rows.into_iter().map(|(id, version, text)| (id, (version, text))).collect()
}

pub(crate) async fn copied(reader: &mut PgConnection) -> Lamps {
    let rows: Vec<(String, i64, Option<String>)> = sqlx::query_as(
        "select id, version, state ->> 'text' from ballet.copy where entity = 'lamp'",
    )
    .fetch_all(reader)
    .await
    .expect("a copy");
    rows.into_iter().map(|(id, version, text)| (id, (version, text))).collect()
}
