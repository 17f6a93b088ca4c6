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

#[cfg(test)]
mod tests {
    use streaming_events::titles::Right;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time")
    }

    fn stored(withdrawn: bool) -> StoredTitle {
        let region = "DE".parse().expect("a region");
        let right = |from, until| Right { region, from: at(from), until: at(until) };
        let title = Title {
            title_id: TitleId(sqlx::types::Uuid::nil()),
            version: 1,
            name: "The Harbour".to_owned(),
            description: String::new(),
            genre: "drama".parse().expect("a genre"),
            min_age: 12,
            length_seconds: 5_400,
            rights: vec![right(0, 1_000), right(2_000, 3_000)],
            published_at: at(0),
            changed_at: at(0),
        };
        StoredTitle { title, withdrawn }
    }

    #[test]
    fn a_title_is_shown_where_and_when_there_are_rights() {
        use LicenseDenial::{Age, NotInPeriod, Region, UnknownTitle, Withdrawn};
        let region = |text: &str| text.parse::<Country>().expect("a region");
        for (withdrawn, there, age, second, expected) in [
            (false, "DE", 12, 0, Ok((at(1_000), 5_400))),
            (false, "DE", 18, 2_999, Ok((at(3_000), 5_400))),
            (false, "DE", 11, 0, Err(Age)),
            (false, "DE", 12, 1_000, Err(NotInPeriod)),
            (false, "DE", 12, 3_000, Err(NotInPeriod)),
            (false, "FR", 12, 0, Err(Region)),
            (true, "DE", 12, 0, Err(Withdrawn)),
        ] {
            let judged = judge(Some(&stored(withdrawn)), region(there), age, at(second));
            assert_eq!(judged, expected, "{there} at {second}");
        }
        assert_eq!(judge(None, region("DE"), 18, at(0)), Err(UnknownTitle));
    }
}
