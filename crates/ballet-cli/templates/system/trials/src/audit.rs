//! What must hold in the tables of the services, and between them.

use anyhow::Result;
use ballet_trials::Report;
use sqlx::{Connection, PgConnection};

/// A request that was accepted says what is wanted, and is accepted or cancelled.
pub(crate) async fn requests(database: &str) -> Result<Report> {
    let mut db = PgConnection::connect(database).await?;
    let requests: Vec<(String, String, String)> =
        sqlx::query_as("select request_id::text, wanted, state from request")
            .fetch_all(&mut db)
            .await?;
    let mut report = Report { rows: requests.len(), ..Report::default() };
    for (id, wanted, state) in requests {
        if wanted.trim().is_empty() {
            report.violations.push(format!("request {id} says nothing, and is {state}"));
        }
        if !["accepted", "cancelled"].contains(&state.as_str()) {
            report.violations.push(format!("request {id} is {state}"));
        }
    }
    Ok(report)
}
