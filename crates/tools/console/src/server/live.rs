//! The live page Now, read once a second for all.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{Stream, unfold};
use tokio::time::timeout;

use crate::observer::system_findings::SystemFindings;
use crate::pages::now::{NowPage, parts};
use crate::pages::standing::{PartsStanding, silent_since};
use crate::server::parts::Parts;
use crate::server::site::Site;
use crate::store::{counts, flow, violations};

const EVERY: Duration = Duration::from_secs(1);
const MOMENT: Duration = Duration::from_secs(8);
/// Whoever opens the page within this time gets the same.
pub(crate) const FRESH: Duration = Duration::from_millis(900);

pub(super) async fn seen(site: &Site) -> Arc<Result<NowPage, sqlx::Error>> {
    site.now.or_find(in_a_moment(find(site))).await
}

pub(super) async fn in_a_moment<T>(
    read: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let silence = |_| Err(sqlx::Error::Io(ErrorKind::TimedOut.into()));
    timeout(MOMENT, read).await.unwrap_or_else(silence)
}

async fn find(site: &Site) -> Result<NowPage, sqlx::Error> {
    let (pool, at) = (&site.context.pool, site.context.clock.now());
    let (hindrances, places, standing) = {
        let found = site.found.borrow();
        (found.hindrances.clone(), found.places(), standing(&found))
    };
    let (causes, types, rates, ended, violations, progress) = tokio::try_join!(
        counts::causes(pool, &places),
        counts::types(pool),
        flow::rates(pool, at),
        counts::ended(pool, at),
        violations::recent(pool),
        counts::progress(pool)
    )?;
    Ok(NowPage { causes, types, rates, ended, progress, hindrances, violations, standing, at })
}

pub(super) fn standing(found: &SystemFindings) -> PartsStanding {
    let has_databases = !found.figures.is_empty();
    PartsStanding { unwell: found.unwell(), at: found.at, has_databases }
}

/// Reads the data as long as somebody has the page open.
pub(crate) async fn keep(site: Arc<Site>) {
    let mut silent = None;
    loop {
        tokio::time::sleep(EVERY).await;
        if site.parts.receiver_count() == 0 {
            continue;
        }
        match &*seen(&site).await {
            Ok(now) => {
                silent = None;
                let parts: Parts = parts(&site.context.contract_index, now).into_iter().collect();
                site.parts.send_if_modified(|before| {
                    let is_new = **before != parts;
                    *before = Arc::new(parts);
                    is_new
                });
            }
            Err(error) => {
                tracing::warn!("what happens now cannot be read: {error}");
                let now = site.context.clock.now();
                let at = *silent.get_or_insert(now);
                let shown = silent_since(at, now).into_string();
                site.parts.send_modify(|parts| {
                    Arc::make_mut(parts).insert("standing".to_owned(), shown);
                });
            }
        }
    }
}

pub(super) async fn live(
    State(site): State<Arc<Site>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let open = (site.parts.subscribe(), Arc::new(Parts::new()));
    let changes = unfold(open, |(mut parts, before)| async move {
        loop {
            parts.changed().await.ok()?;
            let now = Arc::clone(&parts.borrow_and_update());
            let changed = changed(&before, &now);
            if !changed.is_empty() {
                let event = Event::default().json_data(&changed).unwrap_or_default();
                return Some((Ok(event), (parts, now)));
            }
        }
    });
    Sse::new(changes).keep_alive(KeepAlive::default())
}

fn changed<'a>(before: &Parts, now: &'a Parts) -> BTreeMap<&'a str, &'a str> {
    let is_new = |(id, part): &(&String, &String)| before.get(*id) != Some(part);
    now.iter().filter(is_new).map(|(id, part)| (&**id, &**part)).collect()
}
