//! Compares a copy with its source, over two databases, a page at a time.
//!
//! An event takes a while from the owner to the reader. So a row that differs is checked again: it
//! is wrong only if the copy does not reach the version that the owner had at the first check.

use std::collections::HashMap;
use std::time::Duration;

use ballet_store::copies::copy_writes;
use ballet_store::copies::source::{Source, SourceVersion};
use ballet_store::copies::state::source;
use sqlx::PgConnection;
use tokio::time::{Instant, sleep};

/// The rows of one page.
const PAGE: i64 = 5_000;
/// The time between two checks of rows that differ.
const AGAIN: Duration = Duration::from_millis(500);

/// The way in which a row of a copy differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyDifferenceKind {
    /// The owner has the entity, and the copy does not.
    Missing,
    /// The copy has an older version.
    Older,
    /// The copy has a newer version: the owner's data were set back.
    Newer,
    /// The owner removed the entity, and the copy did not.
    NotRemoved,
    /// The copy removed the entity, and the owner did not.
    Removed,
    /// The owner does not know the entity, not even as removed.
    Unknown,
}

impl CopyDifferenceKind {
    /// Returns the difference in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Older => "older",
            Self::Newer => "newer",
            Self::NotRemoved => "not removed",
            Self::Removed => "removed",
            Self::Unknown => "unknown to the owner",
        }
    }
}

/// A row of a copy that differs from its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyDifference {
    /// The entity's id.
    pub id: String,
    /// The way in which it differs.
    pub kind: CopyDifferenceKind,
    /// Its version in the copy.
    pub copy: Option<i64>,
    /// Its version at the owner.
    pub owner: Option<i64>,
}

/// The result of a comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CopyComparison {
    /// The rows that differ.
    pub differences: Vec<CopyDifference>,
    /// The number of the owner's entities that were compared.
    pub compared: u64,
    /// Whether the comparison ended early because too many rows differ.
    pub is_cut: bool,
}

/// A comparison of a copy with its source.
#[derive(Debug, Clone, Copy)]
pub struct CopyCheck {
    /// The time that rows that differ may take to become equal.
    pub patience: Duration,
    /// The most rows that are checked again.
    pub most: usize,
}

/// A version, and whether it removed the row.
type VersionState = (i64, bool);

impl CopyCheck {
    /// Compares the reader's copy of an entity with the owner's. Returns `None` if the owner does not
    /// share it. `progress` gets the number of entities that were compared so far.
    ///
    /// # Errors
    ///
    /// If a database does not answer.
    pub async fn run(
        self,
        reader: &mut PgConnection,
        owner: &mut PgConnection,
        entity: &str,
        progress: impl Fn(u64),
    ) -> Result<Option<CopyComparison>, sqlx::Error> {
        let Some(source) = source(owner, entity).await? else { return Ok(None) };
        let mut report = CopyComparison::default();
        // By id: the owner's version at the first check.
        let mut suspects: HashMap<String, Option<i64>> = HashMap::new();
        let mut after: Option<String> = None;
        loop {
            let rows = source.versions(owner, after.as_deref(), PAGE).await?;
            let Some((last, ..)) = rows.last() else { break };
            after = Some(last.clone());
            let ids: Vec<String> = rows.iter().map(|(id, ..)| id.clone()).collect();
            let copied = by_id(copy_writes::versions(reader, entity, &ids).await?);
            report.compared += rows.len() as u64;
            progress(report.compared);
            for (id, version, removed) in rows {
                if copied.get(&id) != Some(&(version, removed)) {
                    suspects.insert(id, Some(version));
                }
            }
            if suspects.len() > self.most {
                report.is_cut = true;
                break;
            }
        }
        if !report.is_cut {
            self.add_unknown(reader, owner, entity, &source, &mut suspects, &mut report).await?;
        }
        report.differences = self.look_again(reader, owner, entity, &source, suspects).await?;
        report.differences.truncate(self.most);
        Ok(Some(report))
    }

    /// Adds the rows of the copy that the owner does not know.
    async fn add_unknown(
        self,
        reader: &mut PgConnection,
        owner: &mut PgConnection,
        entity: &str,
        source: &Source,
        suspects: &mut HashMap<String, Option<i64>>,
        report: &mut CopyComparison,
    ) -> Result<(), sqlx::Error> {
        let mut after = String::new();
        while !report.is_cut {
            let ids = copy_writes::ids(reader, entity, &after, PAGE).await?;
            let Some(last) = ids.last() else { break };
            after.clone_from(last);
            let known = by_id(source.versions_of(owner, &ids).await?);
            for id in ids.into_iter().filter(|id| !known.contains_key(id)) {
                suspects.entry(id).or_insert(None);
            }
            report.is_cut = suspects.len() > self.most;
        }
        Ok(())
    }

    /// Checks the rows that differ again until they no longer do, or patience ends.
    async fn look_again(
        self,
        reader: &mut PgConnection,
        owner: &mut PgConnection,
        entity: &str,
        source: &Source,
        mut suspects: HashMap<String, Option<i64>>,
    ) -> Result<Vec<CopyDifference>, sqlx::Error> {
        let end = Instant::now() + self.patience;
        let mut differences = Vec::new();
        loop {
            differences.clear();
            let ids: Vec<String> = suspects.keys().cloned().collect();
            for ids in ids.chunks(usize::try_from(PAGE).unwrap_or(usize::MAX)) {
                // The copy first: the owner has every version that the copy has by then.
                let copied = by_id(copy_writes::versions(reader, entity, ids).await?);
                let owned = by_id(source.versions_of(owner, ids).await?);
                for id in ids {
                    let first = suspects.get(id).copied().flatten();
                    let (copy, owner) = (copied.get(id), owned.get(id));
                    match difference(copy.copied(), owner.copied(), first) {
                        Some(kind) => differences.push(CopyDifference {
                            id: id.clone(),
                            kind,
                            copy: copy.map(|(version, _)| *version),
                            owner: owner.map(|(version, _)| *version),
                        }),
                        None => drop(suspects.remove(id)),
                    }
                }
            }
            if suspects.is_empty() || Instant::now() >= end {
                differences.sort_by(|a, b| a.id.cmp(&b.id));
                return Ok(differences);
            }
            sleep(AGAIN).await;
        }
    }
}

/// Compares a row with its source. `first` is the owner's version at the first check.
fn difference(
    copy: Option<VersionState>,
    owner: Option<VersionState>,
    first: Option<i64>,
) -> Option<CopyDifferenceKind> {
    let (owned, owner_removed) = match (copy, owner) {
        (None, None) => return None,
        (Some(_), None) => return Some(CopyDifferenceKind::Unknown),
        (_, Some(owner)) => owner,
    };
    let Some((copied, copy_removed)) = copy else { return Some(CopyDifferenceKind::Missing) };
    let reached = copied >= first.unwrap_or(owned);
    match copied.cmp(&owned) {
        std::cmp::Ordering::Greater => Some(CopyDifferenceKind::Newer),
        std::cmp::Ordering::Equal if owner_removed && !copy_removed => {
            Some(CopyDifferenceKind::NotRemoved)
        }
        std::cmp::Ordering::Equal if copy_removed && !owner_removed => {
            Some(CopyDifferenceKind::Removed)
        }
        std::cmp::Ordering::Less if !reached && owner_removed && !copy_removed => {
            Some(CopyDifferenceKind::NotRemoved)
        }
        std::cmp::Ordering::Less if !reached => Some(CopyDifferenceKind::Older),
        // Changes since the first check may still be under way.
        std::cmp::Ordering::Less | std::cmp::Ordering::Equal => None,
    }
}

fn by_id(rows: Vec<SourceVersion>) -> HashMap<String, VersionState> {
    rows.into_iter().map(|(id, version, removed)| (id, (version, removed))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: bool = false;
    const REMOVED: bool = true;

    #[test]
    fn a_row_differs_if_it_has_not_reached_what_the_owner_had_at_first() {
        for (copy, owner, first, kind) in [
            (Some((2, HERE)), Some((2, HERE)), Some(2), None),
            // One more change since the first check.
            (Some((2, HERE)), Some((3, HERE)), Some(2), None),
            (Some((1, HERE)), Some((3, HERE)), Some(2), Some(CopyDifferenceKind::Older)),
            (Some((1, HERE)), Some((2, REMOVED)), Some(2), Some(CopyDifferenceKind::NotRemoved)),
            (Some((2, HERE)), Some((2, REMOVED)), Some(2), Some(CopyDifferenceKind::NotRemoved)),
            (Some((2, REMOVED)), Some((2, HERE)), Some(2), Some(CopyDifferenceKind::Removed)),
            (Some((3, HERE)), Some((2, HERE)), Some(2), Some(CopyDifferenceKind::Newer)),
            (None, Some((1, HERE)), Some(1), Some(CopyDifferenceKind::Missing)),
            (Some((1, HERE)), None, None, Some(CopyDifferenceKind::Unknown)),
            (None, None, Some(1), None),
        ] {
            assert_eq!(difference(copy, owner, first), kind, "{copy:?} {owner:?} {first:?}");
        }
    }
}
