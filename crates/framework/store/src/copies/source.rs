//! The view of an owner's database from which its entities are read, page by page in the order of
//! their ids.

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Column, Executor, PgConnection, SqlSafeStr, Statement, TypeInfo};

/// A view with the columns `id`, `version` and `state`.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name, quoted.
    view: String,
    /// The type of its ids. A comparison in this type can use their index.
    id_type: String,
    /// The maximum number of entities that the next page asks for. Those that it does not take are
    /// read for nothing.
    asks: usize,
}

/// An entity: its id, its version, and its state as JSON unless it is removed.
pub type SourceRow = (String, i64, Option<String>);

/// The next entities after an id, with their states.
#[derive(Debug)]
pub struct EntityPage {
    /// The entities, in the order of their ids.
    pub rows: Vec<SourceRow>,
    /// Whether there are no others after them. Otherwise there may be.
    pub is_last: bool,
}

const COLUMNS: &str = "id::text, version::bigint";

impl Source {
    /// Looks at a view.
    ///
    /// # Errors
    ///
    /// The error of the database, which names a view or a column that is missing.
    pub async fn open(db: &mut PgConnection, view: &str) -> Result<Self, sqlx::Error> {
        let parts = view.split('.').map(|part| format!("\"{}\"", part.replace('"', "\"\"")));
        let view = parts.collect::<Vec<_>>().join(".");
        let all = format!("select {COLUMNS}, state::jsonb, id from {view}");
        let statement = (&mut *db).prepare(AssertSqlSafe(all).into_sql_str()).await?;
        let id = statement.columns().last().map(|column| match column.type_info().name() {
            // Without a length, SQL takes it for one character.
            "CHAR" => "bpchar".to_owned(),
            name => name.to_owned(),
        });
        Ok(Self { view, id_type: id.unwrap_or_else(|| "text".to_owned()), asks: usize::MAX })
    }

    /// Returns at most `most` of the next entities after an id, with their states, and none after
    /// the one with which the states have `bytes` bytes.
    pub async fn page(
        &mut self,
        db: &mut PgConnection,
        after: Option<&str>,
        most: usize,
        bytes: usize,
    ) -> Result<EntityPage, sqlx::Error> {
        let asked = self.asks.min(most);
        let statement = self.next(after);
        let page = sqlx::query_as(AssertSqlSafe(statement));
        let page = page.bind(i64::try_from(asked).unwrap_or(i64::MAX)).bind(after);
        let mut page = page.fetch(db);
        let (mut rows, mut taken) = (Vec::new(), 0);
        while let Some(row) = page.try_next().await? {
            let (_, _, state): &SourceRow = &row;
            taken += state.as_ref().map_or(0, String::len);
            rows.push(row);
            if taken >= bytes {
                self.asks = rows.len();
                return Ok(EntityPage { rows, is_last: false });
            }
        }
        self.asks = asked.saturating_mul(2);
        let is_last = rows.len() < asked;
        Ok(EntityPage { rows, is_last })
    }

    /// Returns the number of entities, and the sum of their versions.
    pub async fn size(&self, db: &mut PgConnection) -> Result<(i64, i64), sqlx::Error> {
        let statement =
            format!("select count(*), coalesce(sum(version), 0)::bigint from {}", self.view);
        sqlx::query_as(AssertSqlSafe(statement)).fetch_one(db).await
    }

    /// The statement for the next entities. The first has no id to begin after, since a condition
    /// that may be left out would keep the database from using the index.
    fn next(&self, after: Option<&str>) -> String {
        let Self { view, id_type, .. } = self;
        let after = match after {
            Some(_) => format!("where id > $2::text::{id_type}"),
            None => "where $2::text is null".to_owned(),
        };
        // Without its table's name, `id` in `order by` would be the text that is selected.
        format!(
            "select {COLUMNS}, state::text from {view} as source {after} \
             order by source.id limit $1"
        )
    }
}

#[cfg(test)]
mod tests {
    use ballet_stage::{Database, Postgres};

    use super::*;
    use crate::schema::migrate::connect;

    #[tokio::test]
    async fn a_view_is_read_to_its_end_page_by_page_whatever_type_its_ids_have() {
        let postgres = Postgres::shared().await.expect("a server");
        let database = Database::new(postgres, "ids_of_views").await.expect("one");
        let options = database.url().parse().expect("a URL");
        let mut db = connect(&options).await.expect("a session");
        for (number, of) in
            ["text", "varchar(9)", "char(9)", "bigint", "numeric"].iter().enumerate()
        {
            let view = format!(
                "create view v{number} as select (1000 + n)::text::{of} as id, 1::bigint as version, \
                     '{{}}'::jsonb as state from generate_series(1, 5) as n"
            );
            db.execute(AssertSqlSafe(view)).await.expect("a view");
            let mut source = Source::open(&mut db, &format!("v{number}")).await.expect("opened");
            let mut read: Vec<String> = Vec::new();
            for _ in 0..3 {
                let after = read.last().cloned();
                let page = source.page(&mut db, after.as_deref(), 2, 100).await.expect("a page");
                read.extend(page.rows.into_iter().map(|(id, ..)| id));
            }
            assert_eq!(read, ["1001", "1002", "1003", "1004", "1005"], "{of}");
        }
    }

    #[tokio::test]
    async fn a_page_of_big_states_is_short_and_nothing_is_left_out() {
        let postgres = Postgres::shared().await.expect("a server");
        let database = Database::new(postgres, "big_states").await.expect("one");
        let options = database.url().parse().expect("a URL");
        let mut db = connect(&options).await.expect("a session");
        // Twenty small ones, ten big ones, twenty small ones.
        let view = "create view states as select n as id, 1::bigint as version, jsonb_build_object('text', \
                        repeat('x', case when n between 21 and 30 then 1000 else 10 end)) as state \
                    from generate_series(1, 50) as n";
        db.execute(view).await.expect("a view");
        let mut source = Source::open(&mut db, "states").await.expect("opened");
        let (mut read, mut pages) = (Vec::new(), Vec::new());
        loop {
            let after: Option<String> = read.last().cloned();
            let page = source.page(&mut db, after.as_deref(), 15, 3000).await.expect("a page");
            pages.push(page.rows.len());
            read.extend(page.rows.into_iter().map(|(id, ..)| id));
            if page.is_last {
                break;
            }
        }
        assert_eq!(read, (1..=50).map(|n| n.to_string()).collect::<Vec<_>>());
        assert_eq!(pages, [15, 8, 3, 3, 3, 6, 12, 0]);
    }
}
