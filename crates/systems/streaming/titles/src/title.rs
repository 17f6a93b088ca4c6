//! A title as it is stored, and the rule of who may watch it.

use common::rows::{Time, time};
use jiff::{SignedDuration, Timestamp};
use sqlx::postgres::PgRow;
use sqlx::types::{Json, Text};
use sqlx::{FromRow, Row};
use streaming_events::titles::{LicenseDenial, Title};
use streaming_events::{Country, TitleId};

/// The longest licence. A title that is paused overnight can go on the next day.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredTitle {
    pub(crate) title: Title,
    pub(crate) withdrawn: bool,
}

/// Returns until when an account of this region and age may watch a title, and the title's length in seconds.
pub(crate) fn judge(
    stored: Option<&StoredTitle>,
    region: Country,
    max_age: u8,
    now: Timestamp,
) -> Result<(Timestamp, u32), LicenseDenial> {
    let StoredTitle { title, withdrawn } = stored.ok_or(LicenseDenial::UnknownTitle)?;
    if *withdrawn {
        return Err(LicenseDenial::Withdrawn);
    }
    let mut there = title.rights.iter().filter(|right| right.region == region).peekable();
    if there.peek().is_none() {
        return Err(LicenseDenial::Region);
    }
    let until = there.filter(|right| right.from <= now && now < right.until);
    let until = until.map(|right| right.until).max().ok_or(LicenseDenial::NotInPeriod)?;
    if title.min_age > max_age {
        return Err(LicenseDenial::Age);
    }
    Ok((until.min(now + LONGEST), title.length_seconds))
}

impl FromRow<'_, PgRow> for StoredTitle {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let (Text(genre), Json(rights)) = (row.try_get("genre")?, row.try_get("rights")?);
        let (min_age, length): (i16, i32) =
            (row.try_get("min_age")?, row.try_get("length_seconds")?);
        Ok(Self {
            title: Title {
                title_id: TitleId(row.try_get("title_id")?),
                version: row.try_get("version")?,
                name: row.try_get("name")?,
                description: row.try_get("description")?,
                genre,
                min_age: u8::try_from(min_age).unwrap_or(u8::MAX),
                length_seconds: length.unsigned_abs(),
                rights,
                published_at: time(row, "published_at")?,
                changed_at: time(row, "changed_at")?,
            },
            withdrawn: row.try_get::<Option<Time>, _>("withdrawn_at")?.is_some(),
        })
    }
}
