//! The read-only pages: each handler reads the database for its page.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use ballet_ops::sagas::journal::{JournalEntry, JournalSaga};
use ballet_ops::sagas::{self as live_sagas, SagaDetails};
use tokio::time::{Duration, timeout};
use uuid::Uuid;

use crate::access::role::BodySight;
use crate::pages::sagas::PER_PAGE;
use crate::pages::{dead_letters, events, now, saga, sagas};
use crate::server::dead_letter_acts;
use crate::server::live;
use crate::server::site::Site;
use crate::server::visit::{Answer, Visit};
use crate::store::actions::{self, RecordedAction};
use crate::store::entry_row::EntryRow;
use crate::store::saga_row::SagaRow;
use crate::store::search::{self, SHORTEST_PART, SagaFilter, search};
use crate::store::violations::{self, FoundViolation};
use crate::store::{counts, saga_entries};

const BYTES: i32 = 16 * 1024;
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn unknown(State(site): State<Arc<Site>>) -> Response {
    let text = "The console has no page at this address.";
    site.message(None, StatusCode::NOT_FOUND, "No such page", text)
}

pub(super) async fn now(visit: Visit) -> Answer {
    match &*live::seen(&visit.site).await {
        Ok(found) => visit.page("/", "Now", &now::now(&visit.site.context.contract_index, found)),
        Err(error) => Err(visit.site.away(Some(&visit.person), error)),
    }
}

pub(super) async fn sagas(visit: Visit, Query(asked): Query<SagaFilter>) -> Answer {
    let site = &visit.site;
    let (away, asked) = (site.found.borrow().places(), asked.cleaned());
    let now = site.context.clock.now();
    // The journal has only dead letters. The look at services has what is retried.
    let is_text = asked.q.chars().count() >= SHORTEST_PART;
    let errors = if is_text { site.found.borrow().failing(&asked.q) } else { BTreeMap::default() };
    let failing = errors.keys().copied().collect();
    let found = search(&site.context.pool, &away, failing, &asked, (now, PER_PAGE)).await;
    let mut listed = visit.read(found)?;
    for one in &mut listed.found {
        one.detail = one.detail.take().or_else(|| errors.get(&one.id).cloned());
    }
    let content = sagas::sagas(&site.context.contract_index, &asked, &listed, now);
    visit.page("/sagas", "Sagas", &content)
}

pub(super) async fn saga(visit: Visit, Path(id): Path<String>) -> Answer {
    saga_page(&visit, &id, BodySight::masked(visit.person.role)).await
}

/// Shows the page of a saga, with as much of its bodies as the person may see.
pub(super) async fn saga_page(visit: &Visit, id: &str, sight: BodySight) -> Answer {
    let missing = "The console knows no such saga: it has not begun, or it ended longer ago than the console keeps.";
    let missing = || visit.not_found(missing);
    let Visit { site, person } = visit;
    let id = Uuid::try_parse(id).map_err(|_| missing())?;
    let kept = visit.read(read(site, id).await)?;
    let StoredSaga { found, all, rows, keys, actions, violations } = kept.ok_or_else(missing)?;
    let entries: Vec<JournalEntry> = all.iter().filter_map(EntryRow::entry).collect();
    let judged = JournalSaga::judge(&site.context.contract_index.graph, id, &entries);
    let live = services_view(site, id).await;
    let content = {
        let system = site.found.borrow();
        saga::saga(&saga::SagaPage {
            contract_index: &site.context.contract_index,
            system: &system,
            actions: &actions,
            person,
            found: &found,
            all: &all,
            rows: &rows,
            keys: &keys,
            violations: &violations,
            judged: &judged,
            live: live.as_ref(),
            sight,
            now: site.context.clock.now(),
        })
    };
    visit.page("/sagas", &format!("Saga {id}"), &content)
}

struct StoredSaga {
    found: SagaRow,
    /// All entries without their bodies, and those that are shown.
    all: Vec<EntryRow>,
    rows: Vec<EntryRow>,
    keys: Vec<(String, String)>,
    actions: Vec<RecordedAction>,
    violations: Vec<FoundViolation>,
}

async fn read(site: &Site, id: Uuid) -> Result<Option<StoredSaga>, sqlx::Error> {
    let away = site.found.borrow().places();
    let Some(found) = search::one(&site.context.pool, &away, id).await? else { return Ok(None) };
    let all = saga_entries::entries(&site.context.pool, id).await?;
    let rows = saga_entries::edges(&site.context.pool, id, &all, BYTES).await?;
    let keys = saga_entries::keys(&site.context.pool, id).await?;
    let actions = actions::of_saga(&site.context.pool, id).await?;
    let violations = violations::of_saga(&site.context.pool, id).await?;
    Ok(Some(StoredSaga { found, all, rows, keys, actions, violations }))
}

async fn services_view(site: &Site, id: Uuid) -> Option<SagaDetails> {
    let databases = &site.context.databases;
    if databases.is_empty() {
        return None;
    }
    timeout(PATIENCE, live_sagas::show(site.context.contract_index.system(), databases, id))
        .await
        .ok()
}

pub(super) async fn dead_letters(visit: Visit) -> Answer {
    let all = visit.site.dead.all(&visit.site.context).await;
    let content = dead_letters::groups(&all, &visit.person, visit.site.context.clock.now());
    visit.page("/dead-letters", "Dead letters", &content)
}

pub(super) async fn dead_letter(
    visit: Visit,
    Path((service, id)): Path<(String, String)>,
) -> Answer {
    let Visit { site, person } = &visit;
    let letter = dead_letter_acts::one(&visit, &service, &id).await?;
    let actions = visit.read(actions::of_message(&site.context.pool, letter.dead.id.0).await)?;
    let (sight, now) = (BodySight::masked(person.role), site.context.clock.now());
    let content =
        dead_letters::one(&site.context.contract_index, &letter, &actions, person, sight, now);
    visit.page("/dead-letters", "Dead letter", &content)
}

pub(super) async fn events(visit: Visit) -> Answer {
    let seen = visit.read(counts::types(&visit.site.context.pool).await)?;
    let content =
        events::events(&visit.site.context.contract_index, &seen, visit.site.context.clock.now());
    visit.page("/events", "Events", &content)
}

pub(super) async fn event(visit: Visit, Path(name): Path<String>) -> Answer {
    let listed = visit.event(&name)?;
    let seen = visit.read(counts::types(&visit.site.context.pool).await)?;
    let content = events::one(listed, &seen, visit.site.context.clock.now());
    visit.page("/events", &name, &content)
}
