//! The page that follows the journal.

use axum::extract::Query;

use crate::access::role::BodySight;
use crate::pages::tail as pages;
use crate::server::visit::{Answer, Visit};
use crate::store::tail::{TailFilter, entries};

pub(super) async fn tail(visit: Visit, Query(asked): Query<TailFilter>) -> Answer {
    let rows = visit.read(entries(&visit.site.context.pool, &asked).await)?;
    let sight = BodySight::masked(visit.person.role);
    let content = pages::tail(&visit.site.context.contract_index, &asked, &rows, sight);
    visit.page("/tail", "Tail", &content)
}
