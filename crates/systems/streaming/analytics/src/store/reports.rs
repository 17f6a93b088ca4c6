//! The reports for people: the most watched titles, and the hours of a title.

use ballet::Failure;
use common::paging::Limit;
use common::rows::Time;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::{PgConnection, PgExecutor};
use streaming_events::TitleId;
use streaming_events::titles::Title;
use uuid::Uuid;

use crate::window::RankingWindow;

/// An hour of a title.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct TitleHour {
    /// The beginning of the hour.
    pub(crate) hour: Timestamp,
    /// The number of sessions that started in it.
    views: i64,
    /// The seconds that were watched in it, with all corrections.
    watched_seconds: i64,
    /// The part of these that came after the hour was closed, or by which the ends of sessions differ from their
    /// heartbeats.
    corrected_seconds: i64,
    /// The most viewers in one minute of it.
    peak_viewers: i32,
}

/// A title and the time that it was watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct WatchedTitle {
    /// The title.
    pub(crate) title_id: TitleId,
    /// The name, if analytics has a copy of the title.
    pub(crate) name: Option<String>,
    /// The seconds that were watched.
    pub(crate) watched_seconds: i64,
}

/// Returns those of a window up to now. The next titles replace those that were withdrawn.
pub(crate) async fn most_watched(
    db: &mut PgConnection,
    window: RankingWindow,
    now: Timestamp,
    most: usize,
) -> Result<Vec<WatchedTitle>, Failure> {
    let statement = match window {
        RankingWindow::Hour => {
            "select title_id, sum(watched_seconds)::bigint as watched from title_minute
             where minute > $1 group by title_id having sum(watched_seconds) > 0
             order by watched desc, title_id"
        }
        RankingWindow::Day => {
            "select title_id, sum(watched_seconds + corrected_seconds)::bigint as watched
             from title_hour where hour > $1 group by title_id
             having sum(watched_seconds + corrected_seconds) > 0
             order by watched desc, title_id"
        }
    };
    let since = (now - window.length()).to_sqlx();
    let rows: Vec<(Uuid, i64)> = sqlx::query_as(statement).bind(since).fetch_all(&mut *db).await?;
    let mut watched = Vec::new();
    for rows in rows.chunks(most) {
        let ids: Vec<String> = rows.iter().map(|(title, _)| title.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let titles = ballet::copies::get_all::<Title>(&mut *db, &ids).await?;
        watched.extend(rows.iter().filter_map(|&(title, watched_seconds)| {
            let known = titles.get(&title.to_string());
            let name = known.map(|known| known.state.as_ref().map(|title| title.name.clone()));
            let is_withdrawn = name == Some(None);
            let (title_id, name) = (TitleId(title), name.flatten());
            (!is_withdrawn).then_some(WatchedTitle { title_id, name, watched_seconds })
        }));
        if watched.len() >= most {
            break;
        }
    }
    watched.truncate(most);
    Ok(watched)
}

/// Returns the newest first.
pub(crate) async fn hours(
    db: impl PgExecutor<'_>,
    title_id: TitleId,
    before: Option<Timestamp>,
    limit: Limit,
) -> Result<Vec<TitleHour>, Failure> {
    let hours = sqlx::query_as(
        "select hour, views, watched_seconds + corrected_seconds as watched_seconds,
             corrected_seconds, peak as peak_viewers
         from title_hour where title_id = $1 and hour < coalesce($2, 'infinity')
         order by hour desc limit $3",
    );
    let hours = hours.bind(title_id.0).bind(before.map(ToSqlx::to_sqlx)).bind(limit.rows());
    Ok(hours.fetch_all(db).await?)
}

common::row! { TitleHour:
    hour as Time, views, watched_seconds, corrected_seconds, peak_viewers,
}
