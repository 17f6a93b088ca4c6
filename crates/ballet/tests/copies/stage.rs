//! One test's world: a database for each service, and the broker in memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ballet::core::{System, topology};
use ballet::{
    Clock, Entity, Event, EventType, Migration, Participant, Running, Service, Settings, StartError,
};
use ballet_amqp::{BasicProperties, Publish};
use ballet_stage::{Database, Postgres, wait_until};
use ballet_testkit::memory::MemoryBroker;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use crate::lamps::{HOUSE_TABLES, Lamp, Lamps, copied, house, owned, reader};

pub(crate) const LONG: Duration = Duration::from_secs(120);

pub(crate) struct Stage {
    databases: BTreeMap<String, Database>,
    pub(crate) broker: MemoryBroker,
    clock: Clock,
}

impl Stage {
    /// The house, the porter and the gardener; none of them runs.
    pub(crate) async fn new(name: &str) -> Self {
        let postgres = Postgres::shared().await.expect("a Postgres");
        let parts = [house(), reader("porter"), reader("gardener")];
        let parts: Vec<_> = parts.iter().map(Participant::part).collect();
        let names: Vec<&str> = parts.iter().map(|part| part.service).collect();
        let definitions = topology::definitions(&System { name: "town", parts }, |_| String::new());
        let databases = Database::prepared(postgres, name, &names).await.expect("databases");
        let broker = MemoryBroker::with_definitions(&definitions);
        Self { databases, broker, clock: Clock::system() }
    }

    pub(crate) async fn house(&self) -> Running {
        self.start(house(), HOUSE_TABLES, |_| {}).await
    }

    pub(crate) async fn reader(&self, name: &'static str) -> Running {
        self.start(reader(name), &[], |_| {}).await
    }

    pub(crate) async fn start(
        &self,
        participant: Participant,
        tables: &'static [Migration],
        set: impl FnOnce(&mut Settings),
    ) -> Running {
        let mut settings =
            Settings::new("amqp://in.memory", self.databases[participant.service()].url());
        set(&mut settings);
        let service = Service::new(participant).migrations(tables);
        service.broker(Arc::new(self.broker.clone())).start(settings).await.expect("started")
    }

    pub(crate) async fn try_start(
        &self,
        participant: Participant,
        tables: &'static [Migration],
    ) -> Result<Running, StartError> {
        let url = self.databases[participant.service()].url();
        let service = Service::new(participant).migrations(tables);
        let service = service.broker(Arc::new(self.broker.clone()));
        service.start(Settings::new("amqp://in.memory", url)).await
    }

    /// Publishes an event as its service would, under a new id.
    pub(crate) fn put<E: Event>(&self, event: &E) {
        let body = serde_json::to_vec(event).expect("JSON");
        self.put_raw(E::TYPE, body);
    }

    /// The same, made this long ago.
    pub(crate) fn put_made_before<E: Event>(&self, before: Duration, event: &E) {
        self.put_raw_made_before(before, E::TYPE, serde_json::to_vec(event).expect("JSON"));
    }

    /// The id of a run that began this long ago.
    pub(crate) fn run_before(&self, before: Duration) -> Uuid {
        self.clock.new_id(self.clock.now() - before)
    }

    /// The only page of a run, with lamps by id, version and text.
    pub(crate) fn page(&self, run: Uuid, lamps: &[(&str, i64, &str)]) {
        self.page_made_before(Duration::ZERO, run, lamps);
    }

    pub(crate) fn page_made_before(
        &self,
        before: Duration,
        run: Uuid,
        lamps: &[(&str, i64, &str)],
    ) {
        let lamp = |(id, version, text): &(&str, i64, &str)| json!({ "id": id, "version": version, "state": { "text": text } });
        let entities: Vec<_> = lamps.iter().map(lamp).collect();
        let page = json!({ "run": run, "pages": 1, "entities": entities });
        self.put_raw_made_before(before, Lamp::REPUBLISHED, page.to_string().into_bytes());
    }

    pub(crate) fn put_raw(&self, event_type: EventType, body: Vec<u8>) {
        self.put_raw_made_before(Duration::ZERO, event_type, body);
    }

    fn put_raw_made_before(&self, before: Duration, event_type: EventType, body: Vec<u8>) {
        let id = self.clock.new_id(self.clock.now() - before).to_string();
        let properties = BasicProperties::default()
            .with_message_id(id.into())
            .with_type(event_type.name().into())
            .with_app_id(event_type.service().into())
            .with_content_type("application/json".into());
        self.broker.put(&Publish {
            exchange: topology::EVENTS.to_owned(),
            routing_key: event_type.name().to_owned(),
            mandatory: true,
            properties,
            body: body.into(),
        });
    }

    /// Waits until a service has handled everything.
    pub(crate) async fn settled(&self, service: &str) {
        wait_until("nothing left to handle", LONG, || async {
            let open = self.broker.ready(service).len() + self.broker.unacked(service);
            if open == 0 { Ok(Some(())) } else { Err(format!("{open} messages")) }
        })
        .await
        .expect("settled");
    }

    pub(crate) async fn db(&self, service: &str) -> PgConnection {
        PgConnection::connect(self.databases[service].url()).await.expect("a database")
    }

    pub(crate) async fn execute(&self, service: &str, sql: &str) {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        sql.execute(&mut self.db(service).await).await.expect("executed");
    }

    pub(crate) async fn number(&self, service: &str, sql: &str) -> i64 {
        let sql = sqlx::query_scalar(AssertSqlSafe(sql.to_owned()));
        sql.fetch_one(&mut self.db(service).await).await.expect("a number")
    }

    pub(crate) async fn until(&self, service: &str, sql: &str, expected: i64) {
        wait_until(sql, LONG, || async {
            let number = self.number(service, sql).await;
            if number == expected { Ok(Some(())) } else { Err(format!("{number}")) }
        })
        .await
        .expect(sql);
    }

    pub(crate) async fn owned(&self) -> Lamps {
        owned(&mut self.db("house").await).await
    }

    pub(crate) async fn copied(&self, reader: &str) -> Lamps {
        copied(&mut self.db(reader).await).await
    }

    /// Waits until a reader's copy equals what the house has.
    pub(crate) async fn until_equal(&self, reader: &str) {
        wait_until("an equal copy", LONG, || async {
            let (copy, source) = (self.copied(reader).await, self.owned().await);
            if copy == source {
                return Ok(Some(()));
            }
            let differ = |id: &&String| copy.get(*id) != source.get(*id);
            let ids: Vec<_> = source.keys().chain(copy.keys()).filter(differ).take(5).collect();
            Err(format!("{} of {}, for instance {ids:?}", copy.len(), source.len()))
        })
        .await
        .expect("equal");
    }

    /// Waits until a reader has a run as a whole.
    pub(crate) async fn until_filled(&self, reader: &str) {
        let filled = "select count(*) from ballet.copy_fill where filled_run is not null";
        self.until(reader, filled, 1).await;
    }

    /// The bodies of a type that the broker took, in order.
    pub(crate) fn taken(&self, event_type: EventType) -> Vec<serde_json::Value> {
        let taken = self.broker.taken().into_iter();
        taken
            .filter(|message| message.routing_key == event_type.name())
            .map(|message| serde_json::from_slice(&message.body).expect("JSON"))
            .collect()
    }
}
