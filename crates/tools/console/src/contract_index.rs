//! The contracts, indexed for observer and pages.

use std::collections::{BTreeMap, HashMap};

use ballet_check::Contracts;
use ballet_check::listing::{self, ListedEvent};
use ballet_core::{EventType, Graph, Key, Role, System};

use crate::store::entry_row::{EntryKind, EntryRow};

#[derive(Debug)]
pub(crate) struct ContractIndex {
    pub(crate) contracts: &'static Contracts,
    pub(crate) graph: Graph,
    pub(crate) events: BTreeMap<&'static str, ListedEvent>,
    keys: HashMap<&'static str, Vec<Key>>,
}

impl ContractIndex {
    pub(crate) fn new(contracts: &'static Contracts) -> Self {
        let graph = Graph::new(contracts.system().clone());
        let events = listing::events(contracts).into_iter();
        let events = events.map(|listed| (listed.event.name(), listed)).collect();
        let mut keys: HashMap<&'static str, Vec<Key>> = HashMap::new();
        for (event, key) in contracts.keys() {
            keys.entry(event.name()).or_default().push(key);
        }
        Self { contracts, graph, events, keys }
    }

    pub(crate) fn system(&self) -> &System {
        self.contracts.system()
    }

    pub(crate) fn event(&self, name: &str) -> Option<EventType> {
        self.events.get(name).map(|listed| listed.event)
    }

    pub(crate) fn is_of_saga(&self, row: &EntryRow) -> bool {
        let event = self.event(&row.event_type);
        row.kind != EntryKind::Note && event.is_some_and(|event| event.role() != Role::Plain)
    }

    pub(crate) fn keys(&self, event: &str) -> &[Key] {
        self.keys.get(event).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn services(&self) -> Vec<&'static str> {
        self.system().parts.iter().map(|part| part.service).collect()
    }
}
