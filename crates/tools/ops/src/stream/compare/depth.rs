//! An event's depth in its saga: behind its cause, or behind all triggers of its join.

use std::collections::HashMap;

use crate::stream::compare::joins::Joins;
use crate::stream::record::Record;

/// The limit of a chain of causes. It also ends circles.
pub(super) const LONGEST: usize = 64;

pub(super) struct Depths<'a> {
    by_id: &'a HashMap<&'a str, &'a Record>,
    by_type: HashMap<&'a str, Vec<&'a Record>>,
    joins: &'a Joins,
    known: HashMap<&'a str, usize>,
}

impl<'a> Depths<'a> {
    pub(super) fn new(by_id: &'a HashMap<&'a str, &'a Record>, joins: &'a Joins) -> Self {
        let mut by_type: HashMap<&str, Vec<&Record>> = HashMap::new();
        // Without joins only causes matter.
        for record in by_id.values().filter(|_| !joins.are_none()) {
            by_type.entry(record.event_type()).or_default().push(record);
        }
        Self { by_id, by_type, joins, known: HashMap::new() }
    }

    pub(super) fn of(&mut self, record: &'a Record) -> usize {
        self.up_to(record, LONGEST)
    }

    fn up_to(&mut self, record: &'a Record, left: usize) -> usize {
        let cause = record.cause().and_then(|cause| self.by_id.get(cause).copied());
        let Some(cause) = cause.filter(|_| left > 0) else { return 0 };
        let id = record.message_id().unwrap_or_default();
        if let Some(known) = self.known.get(id) {
            return *known;
        }
        // An event of a circle meets itself here.
        self.known.insert(id, 0);
        let mut depth = self.up_to(cause, left - 1);
        let joins = self.joins;
        for trigger in joins.of_event(record.event_type(), cause.event_type()).into_iter().flatten()
        {
            for before in self.by_type.get(trigger.as_str()).cloned().unwrap_or_default() {
                depth = depth.max(self.up_to(before, left - 1));
            }
        }
        self.known.insert(id, depth + 1);
        depth + 1
    }
}
