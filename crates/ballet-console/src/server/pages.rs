//! The reading pages: each asks the database, and gives what it finds to its page.

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use ballet_ops::coverage::Coverage;
use ballet_ops::sagas::journal::{Entry, SeenSaga};
use ballet_ops::sagas::{self as live_sagas, SagaState, Shown};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Duration, timeout};
use uuid::Uuid;

use crate::access::role::Sight;
use crate::pages::hour::MINUTES;
use crate::pages::layout::Person;
use crate::pages::sagas::{Asked, PER_PAGE};
use crate::pages::{coverage, dead_letters, events, now, saga, sagas};
use crate::server::dead::GONE;
use crate::server::live;
use crate::server::site::{NO_EVENT, Shared, Site};
use crate::store::actions::{self, Action};
use crate::store::flow::{self, minute};
use crate::store::found::{Found, places};
use crate::store::row::Row;
use crate::store::search::{Filter, Listed, search};
use crate::store::{counts, judged, of_saga};

/// The bytes of each body that the page of a saga has.
const BYTES: i32 = 16 * 1024;
/// How long the page of a saga waits for the services' databases.
const PATIENCE: Duration = Duration::from_secs(3);
/// The last page of a list. Who looks further searches.
const LAST_PAGE: u16 = 200;

/// Which minute is looked at: a time, or how many minutes from now, as the slider sends it.
#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct Minute {
    #[serde(default)]
    at: String,
    #[serde(default)]
    minute: String,
}

impl Minute {
    /// The minute, if it is one of the last hour, and not this one.
    fn chosen(&self, now: Timestamp) -> Option<Timestamp> {
        let from_now = |minutes: i64| now.checked_add(SignedDuration::from_mins(minutes)).ok();
        let slid = || self.minute.parse::<i64>().ok().filter(|ago| ago.abs() <= MINUTES);
        let at = self.at.parse().ok().or_else(|| slid().and_then(from_now)).map(minute)?;
        let ago = minute(now).duration_since(at).as_mins();
        (1..=MINUTES).contains(&ago).then_some(at)
    }
}

pub(super) async fn now(
    State(site): Shared,
    Extension(person): Extension<Person>,
    Query(asked): Query<Minute>,
) -> Response {
    match &*live::seen(&site, asked.chosen(site.clock.now())).await {
        Ok(found) => site.page(Some(&person), "/", "Now", &now::now(&site.known, found)),
        Err(error) => site.away(Some(&person), error),
    }
}

pub(super) async fn sagas(
    State(site): Shared,
    Extension(person): Extension<Person>,
    Query(asked): Query<Asked>,
) -> Response {
    let (away, asked) = (places(&site.hindrances.borrow()), asked.cleaned());
    let now = site.clock.now();
    match search(&site.pool, &away, &filter(&asked, now)).await {
        Ok(mut listed) => {
            let most = usize::try_from(PER_PAGE).unwrap_or_default();
            let has_more = listed.found.len() > most && asked.page < LAST_PAGE;
            listed.found.truncate(most);
            let content = sagas::sagas(&site.known, &asked, &listed, has_more, now);
            site.page(Some(&person), "/sagas", "Sagas", &content)
        }
        Err(error) => site.away(Some(&person), &error),
    }
}

fn filter(asked: &Asked, now: Timestamp) -> Filter {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let age = asked.age.parse::<SignedDuration>().ok();
    Filter {
        text: given(&asked.q),
        state: SagaState::parse(&asked.state),
        saga: given(&asked.saga),
        service: given(&asked.service),
        step: given(&asked.step),
        reason: given(&asked.reason),
        cause: given(&asked.cause),
        before: age.and_then(|age| now.checked_sub(age).ok()),
        skip: i64::from(asked.page.min(LAST_PAGE)) * PER_PAGE,
        limit: PER_PAGE + 1,
    }
}

pub(super) async fn saga(
    State(site): Shared,
    Extension(person): Extension<Person>,
    Path(id): Path<String>,
) -> Response {
    saga_seen(&site, &person, &id, Sight::masked(person.role)).await
}

/// The page of a saga, with as much of its bodies as the person may see.
pub(super) async fn saga_seen(site: &Site, person: &Person, id: &str, sight: Sight) -> Response {
    let missing = "The console knows no such saga: it has not begun, or it ended longer ago than the console keeps.";
    let Ok(id) = Uuid::try_parse(id) else { return site.not_found(person, missing) };
    match read(site, id).await {
        Ok(Some(Kept { found, all, rows, keys, actions })) => {
            let can_be_judged = all.len() <= judged::MOST;
            let of_all = all.iter().filter(|_| can_be_judged);
            let entries: Vec<Entry> = of_all.filter_map(Row::entry).collect();
            let judged = SeenSaga::judge(&site.known.graph, id, &entries);
            let live = asked_now(site, id).await;
            let hindrances = site.hindrances.borrow().clone();
            let seen = saga::Seen {
                known: &site.known,
                hindrances: &hindrances,
                actions: &actions,
                person,
                found: &found,
                all: &all,
                rows: &rows,
                keys: &keys,
                judged: &judged,
                live: live.as_ref(),
                sight,
                now: site.clock.now(),
            };
            site.page(Some(person), "/sagas", &format!("Saga {id}"), &saga::saga(&seen))
        }
        Ok(None) => site.not_found(person, missing),
        Err(error) => site.away(Some(person), &error),
    }
}

/// What the console's database has of a saga.
struct Kept {
    found: Found,
    /// All entries without their bodies, and those that are shown.
    all: Vec<Row>,
    rows: Vec<Row>,
    keys: Vec<(String, String)>,
    actions: Vec<Action>,
}

async fn read(site: &Site, id: Uuid) -> Result<Option<Kept>, sqlx::Error> {
    let away = places(&site.hindrances.borrow());
    let this = Filter { text: Some(id.to_string()), limit: 100, ..Filter::default() };
    // Others may have the id as a key.
    let Listed { found, .. } = search(&site.pool, &away, &this).await?;
    let Some(found) = found.into_iter().find(|found| found.id == id) else { return Ok(None) };
    let all = of_saga::entries(&site.pool, id).await?;
    let rows = of_saga::edges(&site.pool, id, &all, BYTES).await?;
    let keys = of_saga::keys(&site.pool, id).await?;
    let actions = actions::of_saga(&site.pool, id).await?;
    Ok(Some(Kept { found, all, rows, keys, actions }))
}

/// What the services say of a saga, if their databases are known and answer soon.
async fn asked_now(site: &Site, id: Uuid) -> Option<Shown> {
    let databases = &site.means.databases;
    if databases.is_empty() {
        return None;
    }
    timeout(PATIENCE, live_sagas::show(site.known.system(), databases, id)).await.ok()
}

pub(super) async fn dead_letters(
    State(site): Shared,
    Extension(person): Extension<Person>,
) -> Response {
    let all = site.dead.all().await;
    let content = dead_letters::groups(&all, &person, site.clock.now());
    site.page(Some(&person), "/dead-letters", "Dead letters", &content)
}

pub(super) async fn dead_letter(
    State(site): Shared,
    Extension(person): Extension<Person>,
    Path((service, id)): Path<(String, String)>,
) -> Response {
    match site.dead.one(&service, &id).await {
        Ok(Some(letter)) => {
            let actions = match actions::of_message(&site.pool, &letter.id).await {
                Ok(actions) => actions,
                Err(error) => return site.away(Some(&person), &error),
            };
            let (sight, now) = (Sight::masked(person.role), site.clock.now());
            let content = dead_letters::one(&site.known, &letter, &actions, &person, sight, now);
            site.page(Some(&person), "/dead-letters", "Dead letter", &content)
        }
        Ok(None) => site.not_found(&person, GONE),
        Err(error) => site.message(
            Some(&person),
            StatusCode::SERVICE_UNAVAILABLE,
            "No answer",
            &error.to_string(),
        ),
    }
}

/// The window of the page of what was covered.
#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct Window {
    #[serde(default)]
    window: String,
}

pub(super) async fn coverage(
    State(site): Shared,
    Extension(person): Extension<Person>,
    Query(Window { window }): Query<Window>,
) -> Response {
    let now = site.clock.now();
    let since = window.parse::<SignedDuration>().ok().and_then(|age| now.checked_sub(age).ok());
    match flow::sightings(&site.pool, since).await {
        Ok(sightings) => {
            let covered = Coverage::of(site.known.system(), &sightings);
            let content = coverage::coverage(&covered, &window, now);
            site.page(Some(&person), "/coverage", "Coverage", &content)
        }
        Err(error) => site.away(Some(&person), &error),
    }
}

pub(super) async fn events(State(site): Shared, Extension(person): Extension<Person>) -> Response {
    match counts::types(&site.pool).await {
        Ok(seen) => {
            let content = events::events(&site.known, &seen, site.clock.now());
            site.page(Some(&person), "/events", "Events", &content)
        }
        Err(error) => site.away(Some(&person), &error),
    }
}

pub(super) async fn event(
    State(site): Shared,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
) -> Response {
    let Some(listed) = site.known.events.get(&*name) else {
        return site.not_found(&person, NO_EVENT);
    };
    match counts::types(&site.pool).await {
        Ok(seen) => {
            let content = events::one(listed, &person, &seen, site.clock.now());
            site.page(Some(&person), "/events", &name, &content)
        }
        Err(error) => site.away(Some(&person), &error),
    }
}
