//! The HTTP routes of analytics.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use ballet::Handle;
use ballet::http::{Json, Path, Problem, Query};
use ballet::openapi::{Api, Operation};
use common::paging::{After, Limit, Page};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use streaming_events::{StorableTime, TitleId};

use crate::ranking::{LONGEST, Ranking, Rankings};
use crate::store::reports::{self, LateWatch, TitleHour};
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
        .get(
            "/watched/{title_id}/late",
            late,
            Operation::new("list_late_seconds_of_title", "List the late seconds of a title")
                .answers(StatusCode::OK, "The corrections, the newest hour first."),
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
    let mut ranking = Ranking::clone(&*rankings.get(window).await?);
    ranking.titles.truncate(limit.items());
    Ok(Json(ranking))
}

async fn hours(
    State(rankings): State<Rankings>,
    Path(title_id): Path<TitleId>,
    Query(After { after, limit }): Query<After<StorableTime>>,
) -> Result<Json<Page<TitleHour>>, Problem> {
    let before = after.map(StorableTime::get);
    let hours = reports::hours(rankings.handle().db(), title_id, before, limit).await?;
    Ok(Json(Page::new(hours, limit, |hour| hour.hour)))
}

/// The corrections of a title.
#[derive(Debug, Serialize, JsonSchema)]
struct LateWatches {
    /// The late seconds, by hour and by the hour in which they came.
    items: Vec<LateWatch>,
}

/// The query for corrections.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LateQuery {
    /// The most corrections.
    #[serde(default)]
    limit: Limit,
}

async fn late(
    State(rankings): State<Rankings>,
    Path(title_id): Path<TitleId>,
    Query(LateQuery { limit }): Query<LateQuery>,
) -> Result<Json<LateWatches>, Problem> {
    let items = reports::late(rankings.handle().db(), title_id, limit).await?;
    Ok(Json(LateWatches { items }))
}
