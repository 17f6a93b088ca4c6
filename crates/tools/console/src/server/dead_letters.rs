//! Reads the dead letters with the functions of the command. During a read nobody else sees them, so one request reads
//! and the others wait for its result.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ballet_core::MessageId;
use ballet_core::topology::UNROUTED;
use ballet_ops::redrive::{DeadLetter, DeadLetterGroups, GroupKey, RedriveError};
use futures_util::future::join_all;
use jiff::Timestamp;

use crate::actions::action_context::ActionContext;
use crate::pages::letter::{Letter, LetterGroup, ServiceLetters};
use crate::server::timed_value::TimedValue;

/// A read is shown this long.
const FRESH: Duration = Duration::from_secs(3);
/// The most listed dead letters of a group.
const LISTED: usize = 20;

/// The ids and times of the listed letters of a group, and the maximum number of redrives of one of all.
type ListedLetters = (u64, Vec<(MessageId, Option<Timestamp>)>);

#[derive(Debug)]
pub(crate) struct DeadLetterReader(TimedValue<Vec<ServiceLetters>>);

impl DeadLetterReader {
    pub(crate) fn new() -> Self {
        Self(TimedValue::new(FRESH))
    }

    pub(crate) async fn all(&self, context: &ActionContext) -> Arc<Vec<ServiceLetters>> {
        let services = context.contract_index.services().into_iter().chain([UNROUTED]);
        self.0.or_find(join_all(services.map(|service| read(context, service)))).await
    }

    /// Nobody else reads until the result is dropped.
    pub(crate) async fn turn(&self) -> impl Drop + '_ {
        let mut turn = self.0.hold().await;
        // The holder may change them.
        *turn = None;
        turn
    }

    pub(crate) async fn one(
        &self,
        context: &ActionContext,
        service: &str,
        id: &str,
    ) -> Result<Option<Letter>, RedriveError> {
        if service != UNROUTED && context.part(service).is_none() {
            return Ok(None);
        }
        // Nobody else reads meanwhile.
        let _turn = self.0.hold().await;
        let mut copies: Vec<DeadLetter> = Vec::new();
        let browse = |letter: DeadLetter| {
            if letter.id.to_string() == id {
                copies.push(letter);
            }
        };
        context.letters(service).browse(browse).await?;
        let mut seen: Vec<String> = copies.iter().map(DeadLetter::mark).collect();
        // Copies come in any order.
        seen.sort_unstable();
        Ok(copies.pop().map(|letter| Letter::new(letter, seen)))
    }
}

async fn read(context: &ActionContext, service: &str) -> ServiceLetters {
    let mut of = ServiceLetters { service: service.to_owned(), ..ServiceLetters::default() };
    let dead_letters = context.letters(service);
    let read = async {
        let status = dead_letters.status().await?;
        (of.count, of.is_held) = (status.dead_letters, status.readers > 0);
        if status.dead_letters > 0 {
            let mut groups = DeadLetterGroups::default();
            let mut seen: BTreeMap<GroupKey, ListedLetters> = BTreeMap::new();
            let list = |letter: DeadLetter| {
                let (redrives, listed) = seen.entry(groups.add(&letter)).or_default();
                *redrives = letter.redrives.max(*redrives);
                if listed.len() < LISTED {
                    listed.push((letter.id, letter.dead_at));
                }
            };
            dead_letters.browse(list).await?;
            of.count = groups.dead_letters();
            of.groups.extend(groups.all().map(|(key, died)| {
                let (redrives, letters) = seen.remove(key).unwrap_or_default();
                LetterGroup { key: key.clone(), died: died.clone(), redrives, letters }
            }));
        }
        Ok::<_, RedriveError>(())
    };
    match read.await {
        Ok(()) | Err(RedriveError::NoQueue { .. }) => {}
        Err(error) => of.away = Some(error.to_string()),
    }
    of
}
