//! The events of a contract, by name.

use std::collections::BTreeMap;

use crate::contract::error::ContractError;
use crate::events::event::EventType;

pub(crate) struct ContractEvents<'a>(pub(crate) BTreeMap<&'a str, EventType>);

impl ContractEvents<'_> {
    pub(crate) fn event(&self, name: &str) -> Result<EventType, ContractError> {
        let missing = || ContractError::NoEvent(name.to_owned());
        self.0.get(name).copied().ok_or_else(missing)
    }

    pub(crate) fn maybe(&self, name: Option<&String>) -> Result<Option<EventType>, ContractError> {
        name.map(|name| self.event(name)).transpose()
    }

    pub(crate) fn events(&self, names: &[String]) -> Result<Vec<EventType>, ContractError> {
        names.iter().map(|name| self.event(name)).collect()
    }
}
