//! The state of the copies in a reader's database, and of the shared entities in an owner's.

use jiff::Timestamp;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, Row};
use uuid::Uuid;

use crate::copies::source::Source;

/// A copy that a service keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyState {
    /// The entity's name.
    pub entity: String,
    /// The service that owns the entity.
    pub owner: String,
    /// The number of entities in the copy, removed ones included.
    pub entities: i64,
    /// The sum of their versions, which is the number of changes that the copy has seen.
    pub versions: i64,
    /// When the copy last received all entities, if it did.
    pub filled_at: Option<Timestamp>,
    /// The run that brought them.
    pub filled_run: Option<Uuid>,
    /// The pages that came of the newest run.
    pub seen: i64,
    /// The number of its pages, once it is known.
    pub pages: Option<i64>,
}

/// Lists the copies of the service that this database belongs to.
pub async fn copies(db: &mut PgConnection) -> Result<Vec<CopyState>, sqlx::Error> {
    sqlx::query_as(
        "select f.*, size.entities, size.versions from ballet.copy_fill f, \
         lateral (select count(*) as entities, coalesce(sum(version), 0)::bigint as versions \
             from ballet.copy c where c.entity = f.entity) as size order by f.entity",
    )
    .fetch_all(db)
    .await
}

/// An entity that a service shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedEntity {
    /// The number of entities, removed ones included.
    pub entities: i64,
    /// The sum of their versions, which is the number of changes so far.
    pub versions: i64,
    /// Why the entities cannot be published again, if the last attempt failed, or which one was
    /// left out.
    pub failure: Option<String>,
}

/// Returns what the service of this database shares under a name, if it does.
///
/// # Errors
///
/// If the database does not answer, or the view that the service declares is missing.
pub async fn share(
    db: &mut PgConnection,
    entity: &str,
) -> Result<Option<SharedEntity>, sqlx::Error> {
    let Some(source) = source(db, entity).await? else { return Ok(None) };
    let (entities, versions) = source.size(db).await?;
    let failure = sqlx::query_as(
        "select coalesce(failure, left_out) from ballet.republication where entity = $1",
    );
    let (failure,): (Option<String>,) = failure.bind(entity).fetch_one(db).await?;
    Ok(Some(SharedEntity { entities, versions, failure }))
}

async fn source(db: &mut PgConnection, entity: &str) -> Result<Option<Source>, sqlx::Error> {
    let view = sqlx::query_as("select source from ballet.republication where entity = $1");
    let view: Option<(String,)> = view.bind(entity).fetch_optional(&mut *db).await?;
    match view {
        Some((view,)) => Source::open(db, &view).await.map(Some),
        None => Ok(None),
    }
}

impl FromRow<'_, PgRow> for CopyState {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let filled_at: Option<jiff_sqlx::Timestamp> = row.try_get("filled_at")?;
        Ok(Self {
            entity: row.try_get("entity")?,
            owner: row.try_get("owner")?,
            entities: row.try_get("entities")?,
            versions: row.try_get("versions")?,
            filled_at: filled_at.map(jiff_sqlx::Timestamp::to_jiff),
            filled_run: row.try_get("filled_run")?,
            seen: row.try_get("seen")?,
            pages: row.try_get("pages")?,
        })
    }
}
