//! A saga on the command line: by its id or the end of it, or by a business key.

use std::collections::BTreeSet;
use std::str::FromStr;

use anyhow::{Result, bail};
use ballet::core::topology::TAP;
use ballet::core::{EventType, Key, Role};
use ballet_ops::sagas::{KeyQuery, KeyedSagas, ending, keyed};
use ballet_ops::stream::{RecordFilter, Start};
use uuid::Uuid;

use crate::base::exit::usage;
use crate::base::options::GlobalOptions;
use crate::base::systems::{contracts, services};
use crate::base::ui;
use crate::operator::sagas::waits::warn_of;
use crate::tester::stream::feed::{EventFeed, StopReason};
use crate::tester::stream::selection::JournalRange;

/// The maximum number of ids that an error names.
const MOST: usize = 10;

/// An id's digits that are shown where room is short name a saga.
const SHORT: usize = 8;

/// The id may be its last digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SagaName {
    Id(Uuid),
    End(String),
    Key { name: String, value: String },
}

impl FromStr for SagaName {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        if let Ok(id) = Uuid::try_parse(given) {
            return Ok(Self::Id(id));
        }
        let is_digit = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
        if (SHORT..36).contains(&given.len()) && given.bytes().all(is_digit) {
            return Ok(Self::End(given.to_lowercase()));
        }
        match given.split_once('=') {
            Some((name, value)) if !name.is_empty() && !value.is_empty() => {
                Ok(Self::Key { name: name.to_owned(), value: value.to_owned() })
            }
            _ => Err(
                "expected a saga's id, the last eight digits of it or more, or KEY=VALUE such as \
                      order=ABC"
                    .to_owned(),
            ),
        }
    }
}

pub(super) struct NamedSagas {
    pub(super) sagas: BTreeSet<Uuid>,
    /// A source that could name more was unreadable, which was reported.
    pub(super) is_partial: bool,
}

impl SagaName {
    pub(super) async fn find_one(&self, options: &GlobalOptions) -> Result<Uuid> {
        let NamedSagas { sagas, is_partial } = self.all(options).await?;
        let mut last_first = sagas.iter().rev();
        let (first, second) = (last_first.next(), last_first.next());
        match (first, second) {
            (Some(saga), None) => Ok(*saga),
            (None, _) if is_partial => bail!("no saga was found by {self} in what could be read"),
            (None, _) => Err(usage(match self {
                Self::Id(_) | Self::End(_) => format!("no ledger and no journal has a saga {self}"),
                Self::Key { .. } => {
                    format!("no saga has {self} in an event that a ledger or the journal still has")
                }
            })),
            (Some(_), Some(_)) => {
                let mut ids: Vec<String> =
                    sagas.iter().rev().take(MOST).map(ToString::to_string).collect();
                if sagas.len() > MOST {
                    ids.push("...".to_owned());
                }
                let have = if matches!(self, Self::End(_)) { "end with" } else { "have" };
                Err(usage(format!(
                    "{} sagas {have} {self}: name one by its id; `{} sagas list {self}` shows them:\n  {}",
                    ui::grouped(sagas.len()),
                    ui::ballet(),
                    ids.join("\n  ")
                )))
            }
        }
    }

    pub(super) async fn all(&self, options: &GlobalOptions) -> Result<NamedSagas> {
        let (name, value) = match self {
            Self::Id(id) => {
                return Ok(NamedSagas { sagas: BTreeSet::from([*id]), is_partial: false });
            }
            Self::End(digits) => {
                let KeyedSagas { mut sagas, away } =
                    ending(&options.databases(&services()?)?, digits).await;
                warn_of(&away);
                let mut is_partial = !away.is_empty();
                if sagas.is_empty() {
                    let filter =
                        RecordFilter { sagas: vec![digits.clone()], ..RecordFilter::default() };
                    is_partial |= add_of_journal(&mut sagas, filter, None, options).await;
                }
                return Ok(NamedSagas { sagas, is_partial });
            }
            Self::Key { name, value } => (name, value),
        };
        let key = KeyQuery { fields: fields(name)?, value: value.clone() };
        let databases = options.databases(&services()?)?;
        let KeyedSagas { mut sagas, away } = keyed(&databases, &key).await;
        warn_of(&away);
        let mut is_partial = !away.is_empty();
        // No ledger has the event that begins a saga, nor those of services without our ledgers.
        let begins = key.fields.iter().any(|(event, _)| event.role() == Role::StartsSaga);
        if begins || sagas.is_empty() {
            let names: BTreeSet<&str> = key.fields.iter().map(|(event, _)| event.name()).collect();
            // The name of an event is a pattern without wildcards.
            let types = names.into_iter().filter_map(|name| name.parse().ok()).collect();
            let filter = RecordFilter { types, ..RecordFilter::default() };
            is_partial |= add_of_journal(&mut sagas, filter, Some(&key), options).await;
        }
        Ok(NamedSagas { sagas, is_partial })
    }
}

impl std::fmt::Display for SagaName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::End(digits) => f.write_str(digits),
            Self::Key { name, value } => write!(f, "{name}={value}"),
        }
    }
}

fn fields(name: &str) -> Result<Vec<(EventType, Key)>> {
    let all = contracts()?.keys();
    let fields: Vec<_> = all.iter().filter(|(_, key)| key.name() == name).copied().collect();
    if !fields.is_empty() {
        return Ok(fields);
    }
    let names: BTreeSet<&str> = all.iter().map(|(_, key)| key.name()).collect();
    let names: Vec<&str> = names.into_iter().collect();
    Err(usage(match &names[..] {
        [] => format!("no contract declares a business key, so {name} is none"),
        names => format!("no contract declares the key {name}; there is {}", names.join(", ")),
    }))
}

/// Returns whether the journal was unreadable, which was reported.
async fn add_of_journal(
    sagas: &mut BTreeSet<Uuid>,
    filter: RecordFilter,
    key: Option<&KeyQuery>,
    options: &GlobalOptions,
) -> bool {
    match of_journal(filter, key, options).await {
        Ok(found) => {
            sagas.extend(found);
            false
        }
        Err(error) => {
            ui::note(&format!("the journal is not read: {error:#}"));
            true
        }
    }
}

async fn of_journal(
    filter: RecordFilter,
    key: Option<&KeyQuery>,
    options: &GlobalOptions,
) -> Result<BTreeSet<Uuid>> {
    let (range, plain) = (JournalRange::until_the_end(), plain()?);
    let mut feed = EventFeed::open(options.broker_as(TAP)?, Start::First, filter, &range).await?;
    let mut sagas = BTreeSet::new();
    let ended = loop {
        match feed.next().await? {
            Ok(record) if record.is_dead_letter() => {}
            // An event outside of sagas names itself, or nothing.
            Ok(record)
                if plain.contains(record.event_type())
                    && record.saga_id() == Some(record.known_as()) => {}
            Ok(record) => {
                if key.is_none_or(|key| key.is_in(record.event_type(), &record.body)) {
                    sagas.extend(record.saga_id());
                }
            }
            Err(ended) => break ended,
        }
    };
    feed.close().await;
    if ended == StopReason::Interrupted {
        bail!("it was stopped");
    }
    Ok(sagas)
}

fn plain() -> Result<BTreeSet<&'static str>> {
    let parts = contracts()?.system().parts.iter();
    let types = parts.flat_map(|part| [part.emits(), part.consumes()].concat());
    Ok(types.filter(|event| event.role() == Role::Plain).map(|event| event.name()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saga_is_named_by_its_id_or_by_a_key() {
        let id = "0193f7a0-0001-7000-8000-00000000000a";
        assert_eq!(id.parse(), Ok(SagaName::Id(id.parse().expect("a UUID"))));
        let key = |name: &str, value: &str| SagaName::Key {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        assert_eq!("order=A=B".parse(), Ok(key("order", "A=B")));
        for end in ["0000000A", &id[1..]] {
            assert_eq!(end.parse(), Ok(SagaName::End(end.to_lowercase())));
        }
        for wrong in ["", "order", "order=", "=A", "000000a", "0000000g"] {
            assert!(wrong.parse::<SagaName>().is_err(), "{wrong:?} was taken");
        }
    }
}
