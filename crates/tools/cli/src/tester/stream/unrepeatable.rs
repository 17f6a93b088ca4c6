//! What a replay cannot repeat, which the comparison leaves out.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use ballet_ops::stream::{Comparison, Hindrance, Repeatable, SagaScope};
use uuid::Uuid;

use crate::base::ui;

/// The maximum number of sagas with something in common that are named.
const NAMED: usize = 3;

pub(crate) fn limit(comparison: &mut Comparison, sagas: &HashSet<Uuid>, repeatable: &Repeatable) {
    let mut open = BTreeSet::new();
    let mut without: BTreeMap<&str, BTreeSet<Uuid>> = BTreeMap::new();
    for saga in sagas {
        let scope = repeatable.scope(*saga);
        if scope != SagaScope::default() {
            comparison.limit(*saga, scope);
        }
        if scope.is_open {
            open.insert(*saga);
        }
        if let Some(service) = scope.without {
            without.entry(service).or_default().insert(*saga);
        }
    }
    for (service, sagas) in without {
        let (count, ids) = count_and_ids(&sagas);
        let them = if sagas.len() == 1 { "it" } else { "them" };
        ui::say(&format!(
            "{count} began with a request to {service}: what {service} answers in {them} is not \
             compared: {ids}"
        ));
    }
    if !open.is_empty() {
        let (count, ids) = count_and_ids(&open);
        let is = if open.len() == 1 { "is" } else { "are" };
        ui::say(&format!(
            "{count} had not ended when the recording did, and {is} compared up to there: {ids}"
        ));
    }
}

#[derive(Debug, Default)]
pub(crate) struct UnrepeatableSagas(BTreeMap<Hindrance, BTreeSet<Uuid>>);

impl UnrepeatableSagas {
    pub(crate) fn add(&mut self, saga: Uuid, why: Hindrance) {
        self.0.entry(why).or_default().insert(saga);
    }

    pub(crate) fn say(&self) {
        for (why, sagas) in &self.0 {
            let (count, ids) = count_and_ids(sagas);
            let each = if sagas.len() == 1 { "it" } else { "each" };
            let why = match why {
                Hindrance::Request(service) => {
                    format!("a request to {service} is part of {each}, and a replay makes none")
                }
                Hindrance::Deadline => {
                    format!("a deadline passed in {each}, and a replay does not wait for it")
                }
            };
            ui::say(&format!("{count} left out, neither sent nor compared: {why}: {ids}"));
        }
    }
}

fn count_and_ids(sagas: &BTreeSet<Uuid>) -> (String, String) {
    let s = if sagas.len() == 1 { "" } else { "s" };
    let count = format!("{} saga{s}", ui::grouped(sagas.len()));
    let first: Vec<_> = sagas.iter().take(NAMED).map(Uuid::to_string).collect();
    let more = sagas.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {} more", ui::grouped(more)) } else { String::new() };
    (count, format!("{}{more}", first.join(", ")))
}
