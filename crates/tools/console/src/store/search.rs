//! Searches sagas by text and filters.

use ballet_ops::sagas::SagaState;
use jiff::Timestamp;
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

#[derive(Debug, Default)]
pub(crate) struct SagaFilter {
    /// An id or its last digits, the beginning of a business key, or a part of an error.
    pub(crate) text: Option<String>,
    /// A current error has the text.
    pub(crate) failing: Vec<Uuid>,
    pub(crate) state: Option<SagaState>,
    pub(crate) saga: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) step: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) cause: Option<String>,
    /// When it began to wait, or was last seen.
    pub(crate) before: Option<Timestamp>,
    pub(crate) skip: i64,
    pub(crate) limit: i64,
}

#[derive(Debug, Default)]
pub(crate) struct SagaList {
    pub(crate) found: Vec<SagaRow>,
    /// Whether the text matches more sagas than are searched.
    pub(crate) has_others: bool,
}

/// Open sagas by their states, each the oldest first, then ended ones, the last first. `away` are the places with
/// hindrances.
pub(crate) async fn search(
    pool: &PgPool,
    away: &[String],
    filter: &SagaFilter,
) -> Result<SagaList, sqlx::Error> {
    let hits = match &filter.text {
        Some(text) => Some([hits(pool, text).await?, filter.failing.clone()].concat()),
        None => None,
    };
    if hits.as_ref().is_some_and(Vec::is_empty) {
        return Ok(SagaList::default());
    }
    let has_others = hits.as_ref().is_some_and(|hits| hits.len() >= MOST_HITS);
    let (mut found, mut skip) = (Vec::new(), filter.skip);
    for state in SagaState::ALL {
        // Without hindrances nothing is blocked.
        let is_none = state == SagaState::Blocked && away.is_empty();
        let left = filter.limit - i64::try_from(found.len()).unwrap_or(filter.limit);
        if is_none || filter.state.is_some_and(|wanted| wanted != state) || left <= 0 {
            continue;
        }
        let mut query = QueryBuilder::<Postgres>::new("select * from (");
        push_all(&mut query, away, filter, hits.as_deref(), state.is_open());
        query.push(") as s where state = ").push_bind(state.as_str());
        // An index has this order, so no more are read than listed.
        query.push(if state.is_open() {
            " order by since, id"
        } else {
            " order by last_at desc, id"
        });
        query.push(" limit ").push_bind(skip + left);
        let of_state: Vec<SagaRow> = query.build_query_as().fetch_all(pool).await?;
        let before = of_state.len();
        found.extend(of_state.into_iter().skip(usize::try_from(skip).unwrap_or_default()));
        skip = (skip - i64::try_from(before).unwrap_or(skip)).max(0);
    }
    Ok(SagaList { found, has_others })
}

/// Pushes the query of the sagas that pass all filters except the state's.
fn push_all(
    query: &mut QueryBuilder<Postgres>,
    away: &[String],
    filter: &SagaFilter,
    hits: Option<&[Uuid]>,
    open: bool,
) {
    // The state uses the first bound value as `$1`.
    query.push("select *, ").push(STATE).push(" as state from console.saga where (");
    query.push_bind(away.to_vec()).push("::text[] is not null) and ended is ");
    query.push(if open { "null" } else { "not null" });
    if let Some(hits) = hits {
        query.push(" and id = any(").push_bind(hits.to_vec()).push(")");
    }
    if let Some(saga) = &filter.saga {
        query.push(" and names @> array[").push_bind(saga.clone()).push("]");
    }
    for (column, value) in [
        ("service", &filter.service),
        ("step", &filter.step),
        ("reason", &filter.reason),
        ("cause", &filter.cause),
    ] {
        if let Some(value) = value {
            query.push(" and ").push(column).push(" = ").push_bind(value.clone());
        }
    }
    if let Some(before) = filter.before {
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
        let list = async |skip, limit| {
            let filter = SagaFilter { skip, limit, ..SagaFilter::default() };
            let found = search(&pool, &away, &filter).await.expect("sagas");
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
            let (mut pages, mut skip) = (Vec::new(), 0);
            while skip < 24 {
                pages.extend(list(skip, limit).await);
                skip += limit;
            }
            assert_eq!(pages, all, "{limit} a page");
        }
        // Without hindrances the blocked sagas are late, or wait.
        let filter =
            SagaFilter { state: Some(SagaState::Blocked), limit: 9, ..SagaFilter::default() };
        assert!(search(&pool, &[], &filter).await.expect("none").found.is_empty());
    }
}
