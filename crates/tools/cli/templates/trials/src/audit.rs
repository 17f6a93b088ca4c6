//! The rules that must hold in the tables of the services, and between them.

use anyhow::Result;
use ballet_trials::Report;
use sqlx::{Connection, PgConnection};

/// A request is open, confirmed or cancelled. Its places are held while it is confirmed, and not when it is cancelled.
pub(crate) async fn requests(database: &str) -> Result<Report> {
    let mut db = PgConnection::connect(database).await?;
    let requests: Vec<(String, String, bool)> = sqlx::query_as(
        "select request_id::text, state, held.places is not null \
         from request left join held using (request_id)",
    )
    .fetch_all(&mut db)
    .await?;
    let mut report = Report { rows: requests.len(), ..Report::default() };
    for (id, state, is_held) in requests {
        let holds = match state.as_str() {
            "open" => true,
            "confirmed" => is_held,
            "cancelled" => !is_held,
            _ => false,
        };
        if !holds {
            let places = if is_held { "with" } else { "without" };
            report.violations.push(format!("request {id} is {state} {places} places"));
        }
    }
    Ok(report)
}
