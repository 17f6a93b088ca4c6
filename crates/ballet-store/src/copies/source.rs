//! The view of an owner's database from which its entities are read, page by page in the order of
//! their ids.

use sqlx::{AssertSqlSafe, Column, Executor, PgConnection, SqlSafeStr, Statement, TypeInfo};

/// A view with the columns `id`, `version` and `state`.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name, quoted.
    view: String,
    /// The type of its ids. A comparison in this type can use their index.
    id_type: String,
}

/// An entity: its id, its version, and its state as JSON unless it is removed.
pub type SourceRow = (String, i64, Option<String>);
/// The same without the state itself: whether it is removed.
pub type SourceVersion = (String, i64, bool);

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
        let id = statement.columns().last().map(|column| column.type_info().name().to_owned());
        Ok(Self { view, id_type: id.unwrap_or_else(|| "text".to_owned()) })
    }

    /// Returns the next entities after an id, with their states.
    pub async fn page(
        &self,
        db: &mut PgConnection,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<SourceRow>, sqlx::Error> {
        let statement = self.next("state::text", after);
        sqlx::query_as(AssertSqlSafe(statement)).bind(limit).bind(after).fetch_all(db).await
    }

    /// Returns the versions of the next entities after an id.
    pub async fn versions(
        &self,
        db: &mut PgConnection,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<SourceVersion>, sqlx::Error> {
        let statement = self.next("state is null", after);
        sqlx::query_as(AssertSqlSafe(statement)).bind(limit).bind(after).fetch_all(db).await
    }

    /// Returns the versions of these entities, as far as there are any.
    pub async fn versions_of(
        &self,
        db: &mut PgConnection,
        ids: &[String],
    ) -> Result<Vec<SourceVersion>, sqlx::Error> {
        let Self { view, id_type } = self;
        let statement = format!(
            "select {COLUMNS}, state is null from {view} where id = any($1::text[]::{id_type}[])"
        );
        sqlx::query_as(AssertSqlSafe(statement)).bind(ids).fetch_all(db).await
    }

    /// Returns the number of entities, and the sum of their versions.
    pub async fn size(&self, db: &mut PgConnection) -> Result<(i64, i64), sqlx::Error> {
        let statement =
            format!("select count(*), coalesce(sum(version), 0)::bigint from {}", self.view);
        sqlx::query_as(AssertSqlSafe(statement)).fetch_one(db).await
    }

    /// The statement for the next entities. The first has no id to begin after: a condition that may
    /// be left out would keep the database from using the index.
    fn next(&self, last_column: &str, after: Option<&str>) -> String {
        let Self { view, id_type } = self;
        let after = match after {
            Some(_) => format!("where id > $2::text::{id_type}"),
            None => "where $2::text is null".to_owned(),
        };
        // Without its table's name, `id` in `order by` would be the text that is selected.
        format!(
            "select {COLUMNS}, {last_column} from {view} as source {after} \
             order by source.id limit $1"
        )
    }
}
