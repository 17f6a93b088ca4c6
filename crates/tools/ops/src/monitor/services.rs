//! What the journal shows of each service: how far it has come, and whether it may repeat itself.

/// Times are in milliseconds.
#[derive(Debug)]
pub(super) struct Services {
    /// Up to when each has handled messages.
    heard: Vec<i64>,
    /// Up to when each may repeat itself, because its database comes from a backup.
    restored: Vec<i64>,
}

impl Services {
    pub(super) fn new(count: usize) -> Self {
        Self { heard: vec![i64::MIN; count], restored: vec![i64::MIN; count] }
    }

    pub(super) fn has_handled(&mut self, service: usize, message_at: i64) {
        if let Some(heard) = self.heard.get_mut(service) {
            *heard = (*heard).max(message_at);
        }
    }

    pub(super) fn is_restored(&mut self, service: usize, at: i64) {
        if let Some(restored) = self.restored.get_mut(service) {
            *restored = at;
        }
    }

    /// Whether it has handled messages from this time.
    pub(super) fn has_come_to(&self, service: usize, at: i64) -> bool {
        self.heard.get(service).is_some_and(|heard| *heard >= at)
    }

    /// Whether it may do again what it did in a saga that began then.
    pub(super) fn may_repeat(&self, service: Option<usize>, began: i64) -> bool {
        let restored = service.and_then(|service| self.restored.get(service));
        restored.is_some_and(|restored| began <= *restored)
    }
}
