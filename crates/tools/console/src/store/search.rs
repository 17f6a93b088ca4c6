//! Searches sagas by text and filters.

use ballet_ops::sagas::SagaState;
use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx;
use sqlx::{AssertSqlSafe, PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use crate::store::saga_row::{STATE, SagaRow};

/// A longer text finds others.
const MOST_HITS: usize = 500;
/// A shorter text is in too many errors.
pub(crate) const SHORTEST_PART: usize = 3;
/// Fewer last digits are in too many ids.
const SHORTEST_DIGITS: usize = 4;

/// The longest filter, in characters.
const LONGEST: usize = 500;
/// Beyond this page a person has to search.
const LAST_PAGE: u16 = 200;

/// A page of the list, and its filters, of which an empty one lets all pass.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct SagaFilter {
    /// An id or its last digits, the beginning of a business key, or a part of an error.
    pub(crate) q: String,
    pub(crate) state: String,
    pub(crate) saga: String,
    pub(crate) service: String,
    pub(crate) step: String,
    pub(crate) reason: String,
    pub(crate) cause: String,
    /// How long ago it began to wait, or was last seen: `10m`, `2h`, `3d`.
    pub(crate) age: String,
    pub(crate) page: u16,
}

impl SagaFilter {
    /// Returns the filters without characters and lengths that a database or a page cannot carry.
    pub(crate) fn cleaned(self) -> Self {
        let clean = |text: String| -> String {
            text.trim().chars().filter(|c| *c != '\0').take(LONGEST).collect()
        };
        let Self { q, state, saga, service, step, reason, cause, age, page } = self;
        let [q, state, saga, service] = [q, state, saga, service].map(clean);
        let [step, reason, cause, age] = [step, reason, cause, age].map(clean);
        Self { q, state, saga, service, step, reason, cause, age, page: page.min(LAST_PAGE) }
    }
}

#[derive(Debug, Default)]
pub(crate) struct SagaList {
    pub(crate) found: Vec<SagaRow>,
    /// Whether the text matches more sagas than are searched.
    pub(crate) has_others: bool,
    pub(crate) has_more: bool,
}

/// Returns a saga. `away` are the places with hindrances.
pub(crate) async fn one(
    pool: &PgPool,
    away: &[String],
    id: Uuid,
) -> Result<Option<SagaRow>, sqlx::Error> {
    let one = format!(
        "select *, {STATE} as state from console.saga where $1::text[] is not null and id = $2"
    );
    sqlx::query_as(AssertSqlSafe(one)).bind(away).bind(id).fetch_optional(pool).await
}

/// Open sagas by their states, each the oldest first, then ended ones, the last first. `away` are the places with
/// hindrances, and `failing` the sagas with a current error that has the text.
pub(crate) async fn search(
    pool: &PgPool,
    away: &[String],
    failing: Vec<Uuid>,
    filter: &SagaFilter,
    (now, per_page): (Timestamp, i64),
) -> Result<SagaList, sqlx::Error> {
    let hits = match &*filter.q {
        "" => None,
        text => Some([hits(pool, text).await?, failing].concat()),
    };
    if hits.as_ref().is_some_and(Vec::is_empty) {
        return Ok(SagaList::default());
    }
    let has_others = hits.as_ref().is_some_and(|hits| hits.len() >= MOST_HITS);
    let age = filter.age.parse::<SignedDuration>().ok();
    let before = age.and_then(|age| now.checked_sub(age).ok());
    let (mut found, mut skip) = (Vec::new(), i64::from(filter.page) * per_page);
    // One more says whether there are more.
    let limit = per_page + 1;
    for state in SagaState::ALL {
        // Without hindrances nothing is blocked.
        let is_none = state == SagaState::Blocked && away.is_empty();
        let left = limit - i64::try_from(found.len()).unwrap_or(limit);
        let is_other = !filter.state.is_empty() && filter.state != state.as_str();
        if is_none || is_other || left <= 0 {
            continue;
        }
        let mut query = QueryBuilder::<Postgres>::new("select * from (");
        push_all(&mut query, away, filter, (hits.as_deref(), before), state.is_open());
        query.push(") as s where state = ").push_bind(state.as_str());
        // An index has this order, so no more are read than listed.
        query.push(if state.is_open() {
            " order by since, id"
        } else {
            " order by last_at desc, id"
        });
        query.push(" limit ").push_bind(skip + left);
        let of_state: Vec<SagaRow> = query.build_query_as().fetch_all(pool).await?;
        let count = of_state.len();
        found.extend(of_state.into_iter().skip(usize::try_from(skip).unwrap_or_default()));
        skip = (skip - i64::try_from(count).unwrap_or(skip)).max(0);
    }
    let most = usize::try_from(per_page).unwrap_or_default();
    let has_more = found.len() > most && filter.page < LAST_PAGE;
    found.truncate(most);
    Ok(SagaList { found, has_others, has_more })
}

/// Pushes the query of the sagas that pass all filters except the state's.
fn push_all(
    query: &mut QueryBuilder<Postgres>,
    away: &[String],
    filter: &SagaFilter,
    (hits, before): (Option<&[Uuid]>, Option<Timestamp>),
    open: bool,
) {
    // The state uses the first bound value as `$1`.
    query.push("select *, ").push(STATE).push(" as state from console.saga where (");
    query.push_bind(away.to_vec()).push("::text[] is not null) and ended is ");
    query.push(if open { "null" } else { "not null" });
    if let Some(hits) = hits {
        query.push(" and id = any(").push_bind(hits.to_vec()).push(")");
    }
    if !filter.saga.is_empty() {
        query.push(" and names @> array[").push_bind(filter.saga.clone()).push("]");
    }
    for (column, value) in [
        ("service", &filter.service),
        ("step", &filter.step),
        ("reason", &filter.reason),
        ("cause", &filter.cause),
    ] {
        if !value.is_empty() {
            query.push(" and ").push(column).push(" = ").push_bind(value.clone());
        }
    }
    if let Some(before) = before {
        query.push(" and coalesce(since, last_at) < ").push_bind(before.to_sqlx());
    }
}

async fn hits(pool: &PgPool, text: &str) -> Result<Vec<Uuid>, sqlx::Error> {
    let text = text.trim();
    if let Ok(id) = Uuid::try_parse(text) {
        let of_id = "select $1 union select saga from console.entry where message_id = $1 and saga is not null \
                     union select saga from console.key where lower(value) = $2";
        return sqlx::query_scalar(of_id).bind(id).bind(id.to_string()).fetch_all(pool).await;
    }
    let like = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let mut looks = vec![
        "select saga from (select saga from console.key where lower(value) like lower($1) || '%' limit $2) as k",
    ];
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if is_hex && text.len() >= SHORTEST_DIGITS {
        looks.push(
            "select id from (select id from console.saga \
                    where reverse(id::text) like reverse(lower($1)) || '%' limit $2) as i",
        );
    }
    if text.chars().count() >= SHORTEST_PART {
        looks.push(
            "select id from (select id from console.saga \
                    where detail is not null and detail ilike '%' || $1 || '%' limit $2) as d",
        );
    }
    let statement = looks.join(" union ");
    let most = i64::try_from(MOST_HITS).unwrap_or(i64::MAX);
    sqlx::query_scalar(AssertSqlSafe(statement)).bind(like).bind(most).fetch_all(pool).await
}

#[cfg(test)]
mod tests {
    use ballet_stage::{Database, Servers};

    use super::*;
    use crate::store::prepare::prepare;

    #[tokio::test]
    async fn a_page_of_the_list_goes_on_where_the_page_before_ended() {
        let servers = Servers::shared().await.expect("servers");
        let database = Database::new(servers.postgres(), "console_search").await.expect("one");
        let pool = prepare(database.url().parse().expect("a URL")).await.expect("tables");
        // Some of each state, mixed in time.
        sqlx::query(
            "insert into console.saga (id, began, last_at, last_type, last_place, ended, service, since, due, is_dead) \
             select md5(n::text)::uuid, now(), now() - n * interval '1 s', 'a.done.v1', n, \
                 case n % 5 when 0 then 'completed' end, case n % 5 when 1 then 'away' else 'stock' end, \
                 case when n % 5 > 0 then now() - n * interval '7 s' end, \
                 now() + (n % 5 - 2) * interval '1 hour' + interval '1 min', n % 5 = 2 \
             from generate_series(1, 24) n",
        )
        .execute(&pool)
        .await
        .expect("sagas");
        let away = ["away".to_owned()];
        let now = Timestamp::UNIX_EPOCH;
        let list = async |page, per_page| {
            let filter = SagaFilter { page, ..SagaFilter::default() };
            let found =
                search(&pool, &away, vec![], &filter, (now, per_page)).await.expect("sagas");
            found.found.into_iter().map(|saga| (saga.state, saga.id)).collect::<Vec<_>>()
        };
        let all = list(0, 100).await;
        let words: Vec<SagaState> = all.iter().map(|(state, _)| *state).collect();
        let of = |word, count: usize| std::iter::repeat_n(word, count);
        let expected = of(SagaState::Stuck, 5).chain(of(SagaState::Blocked, 5));
        let expected =
            expected.chain(of(SagaState::Waiting, 10)).chain(of(SagaState::Completed, 4));
        assert_eq!(words, expected.collect::<Vec<_>>());
        for limit in [1, 3, 7, 24] {
            let mut pages = Vec::new();
            for page in 0..24 {
                pages.extend(list(page, limit).await);
            }
            assert_eq!(pages, all, "{limit} a page");
        }
        // Without hindrances the blocked sagas are late, or wait.
        let filter = SagaFilter { state: "blocked".to_owned(), ..SagaFilter::default() };
        let blocked = search(&pool, &[], vec![], &filter, (now, 9)).await.expect("none");
        assert!(blocked.found.is_empty());
    }
}
