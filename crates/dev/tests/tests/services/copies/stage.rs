//! One test's world: a database for each service, and the broker in memory.

use std::ops::Deref;
use std::time::Duration;

use ballet::{Entity, Event, EventType, Running};
use ballet_stage::wait_until;
use ballet_store::copies::rebuild::Rebuild;
use ballet_testkit::memory::{MemorySystem, properties};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::copies::lamps::{HOUSE_TABLES, Lamp, Lamps, copied, house, owned, reader};

pub(crate) const LONG: Duration = Duration::from_secs(120);

pub(crate) struct CopiesStage(MemorySystem);

impl Deref for CopiesStage {
    type Target = MemorySystem;

    fn deref(&self) -> &MemorySystem {
        &self.0
    }
}

impl CopiesStage {
    pub(crate) async fn new(name: &str) -> Self {
        Self(MemorySystem::new(name, &[house(), reader("porter"), reader("gardener")]).await)
    }

    pub(crate) async fn house(&self) -> Running {
        self.start(house(), HOUSE_TABLES, |_| {}).await
    }

    pub(crate) async fn reader(&self, name: &'static str) -> Running {
        self.start(reader(name), &[], |_| {}).await
    }

    pub(crate) fn put<E: Event>(&self, event: &E) {
        self.put_made_before(Duration::ZERO, event);
    }

    pub(crate) fn put_made_before<E: Event>(&self, before: Duration, event: &E) {
        self.0.put(self.new_id_before(before), None, event);
    }

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
        let id = self.new_id_before(before).to_string();
        let properties = properties(Lamp::REPUBLISHED, &id, None);
        self.broker.put_event(Lamp::REPUBLISHED, properties, page.to_string().into_bytes());
    }

    pub(crate) async fn owned(&self) -> Lamps {
        owned(&mut self.connect("house").await).await
    }

    pub(crate) async fn copied(&self, reader: &str) -> Lamps {
        copied(&mut self.connect(reader).await).await
    }

    pub(crate) async fn until_equal(&self, reader: &str) {
        until_equal(self.connect(reader).await, self.connect("house").await).await;
    }

    pub(crate) async fn until_filled(&self, reader: &str) {
        let filled = "select count(*) from ballet.copy_fill where filled_run is not null";
        self.until(reader, filled, 1).await;
    }

    /// Waits until the copy is rebuilt.
    pub(crate) async fn rebuild(&self, reader: &str) {
        let mut house = self.connect("house").await;
        let rebuild = Rebuild::request(&mut house, "lamp").await.expect("asked").expect("shared");
        let followed = tokio::sync::Mutex::new((rebuild, self.connect(reader).await, house));
        wait_until("the rebuild", LONG, || async {
            let (rebuild, reader, house) = &mut *followed.lock().await;
            let progress = rebuild.progress(reader, house).await?;
            Ok::<_, sqlx::Error>(progress.is_done.then_some(()))
        })
        .await
        .expect("done");
    }

    pub(crate) fn taken(&self, event_type: EventType) -> Vec<serde_json::Value> {
        let taken = self.broker.taken().into_iter();
        taken
            .filter(|message| message.routing_key == event_type.name())
            .map(|message| serde_json::from_slice(&message.body).expect("JSON"))
            .collect()
    }
}

/// Waits until a reader's copy equals what the house has.
pub(crate) async fn until_equal(reader: PgConnection, house: PgConnection) {
    let both = tokio::sync::Mutex::new((reader, house));
    wait_until("an equal copy", LONG, || async {
        let (reader, house) = &mut *both.lock().await;
        let (copy, source) = (copied(reader).await, owned(house).await);
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
