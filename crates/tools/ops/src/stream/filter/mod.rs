//! Selects records.

pub(crate) mod pattern;

use crate::stream::filter::pattern::TypePattern;
use crate::stream::record::Record;

/// Selects the records that match one condition of each given kind.
#[derive(Debug, Clone, Default)]
pub struct RecordFilter {
    /// Types, as the binding of a topic exchange names them.
    pub types: Vec<TypePattern>,
    /// Ids of sagas, as in messages or as services derive them, or their last digits.
    pub sagas: Vec<String>,
    /// Publishers, or the services in which dead letters died.
    pub services: Vec<String>,
}

impl RecordFilter {
    /// Whether it selects every record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { types, sagas, services } = self;
        types.is_empty() && sagas.is_empty() && services.is_empty()
    }

    /// Whether it selects the record.
    #[must_use]
    pub fn matches(&self, record: &Record) -> bool {
        let ends = |is: &str, name: &String| {
            let at = is.len().checked_sub(name.len());
            at.and_then(|at| is.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case(name))
        };
        let of_saga = |is: &str| self.sagas.iter().any(|name| ends(is, name));
        let id_of_saga = || record.saga_id().is_some_and(|saga| of_saga(&saga.to_string()));
        let of_service = |is: &str| self.services.iter().any(|name| name == is);
        (self.types.is_empty() || self.types.iter().any(|p| p.matches(record.event_type())))
            && (self.sagas.is_empty() || record.saga().is_some_and(of_saga) || id_of_saga())
            && (self.services.is_empty() || record.service().is_some_and(of_service))
    }
}

#[cfg(test)]
mod tests {
    use ballet_amqp::BasicProperties;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_first_message_of_a_saga_is_found_by_its_text_and_by_the_id_that_services_derive() {
        let record = Record {
            offset: None,
            time: None,
            exchange: "events".to_owned(),
            routing_key: "a.placed.v1".to_owned(),
            properties: BasicProperties::default().with_message_id("order 17".into()),
            body: b"{}".to_vec(),
        };
        let id = record.known_as().to_string();
        let found = |saga: &str| {
            RecordFilter { sagas: vec![saga.to_owned()], ..RecordFilter::default() }
                .matches(&record)
        };
        assert!(found("order 17") && found(&id) && found(&id[28..]));
        assert!(!found("order 18") && !found(&Uuid::nil().to_string()));
    }
}
