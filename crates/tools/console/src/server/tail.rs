//! The page that follows the journal, and its stream.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::Query;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{Stream, unfold};
use uuid::Uuid;

use crate::access::role::BodySight;
use crate::pages::tail::{self as pages, TailQuery};
use crate::server::visit::{Answer, Visit};
use crate::store::append::next;
use crate::store::entry_row::{EntryKind, EntryRow};
use crate::store::tail::{TailFilter, entries};

/// The number of entries on a new page, or sent at once: nobody reads more.
const MOST: i64 = 100;
const EVERY: Duration = Duration::from_millis(500);

fn following(asked: &TailQuery) -> TailFilter {
    let given = |text: &str| {
        let text = text.trim().replace('\0', "");
        (!text.is_empty()).then_some(text)
    };
    let kind = EntryKind::ALL.into_iter().find(|kind| kind.as_str() == asked.kind);
    TailFilter {
        event_type: given(&asked.event_type),
        service: given(&asked.service),
        kind: kind.map(EntryKind::as_str),
        // No saga has a text that is no id.
        saga: given(&asked.saga).map(|id| Uuid::try_parse(&id).unwrap_or_default()),
    }
}

pub(super) async fn tail(visit: Visit, Query(asked): Query<TailQuery>) -> Answer {
    let rows = entries(&visit.site.context.pool, &following(&asked), None, MOST).await;
    let (rows, _) = visit.read(rows)?;
    let sight = BodySight::masked(visit.person.role);
    visit.page(
        "/tail",
        "Tail",
        &pages::tail(&visit.site.context.contract_index, &asked, &rows, sight),
    )
}

pub(super) async fn live(
    Visit { site, person }: Visit,
    Query(asked): Query<TailQuery>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let (following, sight) = (following(&asked), BodySight::masked(person.role));
    // The page has the earlier ones.
    let after = next(&site.context.pool).await.map(|next| next - 1).ok();
    let open = (site, following, after);
    let changes = unfold(open, move |(site, following, mut after)| async move {
        loop {
            tokio::time::sleep(EVERY).await;
            let Ok((rows, looked_to)) = entries(&site.context.pool, &following, after, MOST).await
            else {
                continue;
            };
            after = Some(looked_to);
            if rows.is_empty() {
                continue;
            }
            let one =
                |row: &EntryRow| pages::one(&site.context.contract_index, row, sight).into_string();
            let shown: String = rows.iter().rev().map(one).collect();
            let parts = std::collections::BTreeMap::from([("tail", shown)]);
            let event = Event::default().json_data(parts).unwrap_or_default();
            return Some((Ok(event), (site, following, after)));
        }
    });
    Sse::new(changes).keep_alive(KeepAlive::default())
}
