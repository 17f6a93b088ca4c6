//! The HTTP routes of titles.

use axum::extract::State;
use axum::http::StatusCode;
use ballet::http::{Json, Path, Place, Problem, Query};
use ballet::openapi::{Accepted, Api, Created, Operation, json};
use ballet::{Handle, SagaId};
use common::paging::{Limit, Page, cursor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use streaming_events::titles::{Title, TitlePublished, TitleWithdrawn};
use streaming_events::{Slug, TitleId, WithdrawalId};

use crate::new_title::NewTitle;
use crate::store::{search, title};
use crate::title::StoredTitle;

/// In characters.
const MAX_QUERY: usize = 200;

pub(crate) fn api() -> Api<Handle> {
    let (ok, none, gone) =
        (StatusCode::OK, "There never was such a title.", "The title is withdrawn.");
    Api::new("titles", "Titles, and where and when they can be watched.")
        .get("/titles", list, Operation::new("list_titles", "List titles"))
        .get(
            "/titles/search",
            find,
            Operation::new("search_titles", "Search titles")
                .about(
                    "Finds the titles that have all words, in any order and in any field, the best \
                     first. A word also finds longer ones.",
                )
                .answers(ok, "The best titles."),
        )
        .get(
            "/titles/{title_id}",
            read,
            Operation::new("read_title", "Read a title")
                .refuses(StatusCode::NOT_FOUND, none)
                .refuses(StatusCode::GONE, gone),
        )
        .post(
            "/titles",
            publish,
            Operation::new("publish_title", "Publish a title").example(json!({
                "name": "The Harbour", "description": "A town waits for its ships.",
                "genre": "drama", "min_age": 12, "length_seconds": 5400,
                "rights": [{
                    "region": "DE", "from": "2026-01-01T00:00:00Z",
                    "until": "2030-01-01T00:00:00Z",
                }],
            })),
        )
        .delete(
            "/titles/{title_id}",
            withdraw,
            Operation::new("withdraw_title", "Withdraw a title")
                .about("Its sessions end. A withdrawal is final.")
                .answers(StatusCode::ACCEPTED, "The title is withdrawn; sessions still end.")
                .refuses(StatusCode::NOT_FOUND, none)
                .refuses(StatusCode::GONE, "The title was withdrawn before."),
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TitleFilter {
    /// Only those of this genre.
    genre: Option<Slug>,
    /// The `next` of the page before. Without it, the list begins.
    #[serde(default, deserialize_with = "cursor")]
    after: Option<TitleId>,
    /// The most items on the page.
    #[serde(default)]
    limit: Limit,
}

async fn list(
    State(handle): State<Handle>,
    Query(TitleFilter { genre, after, limit }): Query<TitleFilter>,
) -> Result<Json<Page<Title>>, Problem> {
    let titles = title::page(handle.db(), genre.as_ref(), after, limit).await?;
    Ok(Json(Page::new(titles, limit, |title| title.title_id)))
}

/// The query of a search.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TitleSearch {
    /// The words to search for. The first 16 count.
    #[schemars(length(max = MAX_QUERY), regex(pattern = r"^[^\x00]*$"))]
    q: String,
    /// The most titles.
    #[serde(default)]
    limit: Limit,
}

async fn find(
    State(handle): State<Handle>,
    Query(TitleSearch { q, limit }): Query<TitleSearch>,
) -> Result<Json<Page<Title>>, Problem> {
    if q.chars().nth(MAX_QUERY).is_some() || q.contains('\0') {
        let why = format!("q is at most {MAX_QUERY} characters, none of them NUL");
        return Err(Problem::bad_request(why).at(Place::query("q")));
    }
    let items = search::find(handle.db(), &q, limit).await?;
    Ok(Json(Page { items, next: None }))
}

async fn read(
    State(handle): State<Handle>,
    Path(title_id): Path<TitleId>,
) -> Result<Json<Title>, Problem> {
    require_visible(title_id, title::find(handle.db(), title_id).await?).map(Json)
}

async fn publish(
    State(handle): State<Handle>,
    Json(draft): Json<NewTitle>,
) -> Result<Created<Title>, Problem> {
    let draft = draft.checked()?;
    let title_id = handle.new_id::<TitleId>();
    let mut unit = handle.unit().await?;
    let mut tx = unit.tx();
    let now = tx.now();
    let event = TitlePublished(title::publish(tx.db(), title_id, &draft, now).await?);
    tx.publish(&event).await?;
    unit.commit().await?;
    Ok(Created { location: format!("/titles/{title_id}"), body: event.0 })
}

/// A withdrawal that is under way.
#[derive(Debug, Serialize, JsonSchema)]
struct Withdrawal {
    /// The withdrawal.
    withdrawal_id: WithdrawalId,
    /// The title.
    title_id: TitleId,
}

async fn withdraw(
    State(handle): State<Handle>,
    Path(title_id): Path<TitleId>,
) -> Result<Accepted<Withdrawal>, Problem> {
    let withdrawal_id = handle.new_id::<WithdrawalId>();
    let mut unit = handle.saga_unit(SagaId(withdrawal_id.0)).await?;
    let mut tx = unit.tx();
    let now = tx.now();
    require_visible(title_id, title::find_to_withdraw(tx.db(), title_id).await?)?;
    let title = title::withdraw(tx.db(), title_id, now).await?;
    unit.originate(TitleWithdrawn { withdrawal_id, title }).await?;
    unit.commit().await?;
    Ok(Accepted(Withdrawal { withdrawal_id, title_id }))
}

fn require_visible(title_id: TitleId, stored: Option<StoredTitle>) -> Result<Title, Problem> {
    match stored {
        Some(StoredTitle { title, withdrawn: false }) => Ok(title),
        Some(StoredTitle { title, withdrawn: true }) => Err(Problem::new(
            StatusCode::GONE,
            format!("title {title_id} was withdrawn at {}: choose another", title.changed_at),
        )),
        None => Err(Problem::not_found(format!("there is no title {title_id}"))),
    }
}
