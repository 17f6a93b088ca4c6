//! The HTTP routes of analytics.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use ballet::Handle;
use ballet::http::{Json, Path, Problem, Query};
use ballet::openapi::{Api, Operation};
use common::paging::{After, Limit, Page};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use streaming_events::TitleId;

use crate::ranking::{LONGEST, Ranking, Rankings};
use crate::store::reports::{self, TitleHour};
use crate::window::RankingWindow;

pub(crate) fn routes(handle: Handle) -> Router {
    api().router(Rankings::new(handle))
}

pub(crate) fn api() -> Api<Rankings> {
    Api::new("analytics", "The time that titles are watched, by hour.")
        .get(
            "/most-watched",
            most_watched,
            Operation::new("list_most_watched_titles", "List the most watched titles")
                .about("Of the last hour or the last day, a few seconds old at most.")
                .answers(StatusCode::OK, "The titles, the most watched first."),
        )
        .get(
            "/watched/{title_id}/hours",
            hours,
            Operation::new("list_hours_of_title", "List the hours of a title")
                .about(
                    "By the time at which it was watched. An hour is closed one hour after its end; what \
                     comes later is in it as a correction.",
                )
                .answers(StatusCode::OK, "A page of hours, the newest first."),
        )
}

/// The query for a ranking.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RankingQuery {
    /// The last hour, or the last day.
    #[serde(default)]
    window: RankingWindow,
    /// The most titles.
    #[serde(default)]
    limit: Limit<LONGEST>,
}

async fn most_watched(
    State(rankings): State<Rankings>,
    Query(RankingQuery { window, limit }): Query<RankingQuery>,
) -> Result<Json<Ranking>, Problem> {
    let mut ranking = rankings.get(window).await?;
    ranking.titles.truncate(limit.items());
    Ok(Json(ranking))
}

async fn hours(
    State(rankings): State<Rankings>,
    Path(title_id): Path<TitleId>,
    Query(After { after, limit }): Query<After<Timestamp>>,
) -> Result<Json<Page<TitleHour>>, Problem> {
    // Postgres has not all times.
    let before = after.map(|at| at.max(Timestamp::UNIX_EPOCH));
    let hours = reports::hours(rankings.handle().db(), title_id, before, limit).await?;
    Ok(Json(Page::new(hours, limit, |hour| hour.hour)))
}
