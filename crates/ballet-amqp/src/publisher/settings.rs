//! What the publish role needs to know.

use crate::session::expected::Expected;

/// What the publish role needs to know.
#[derive(Debug, Clone)]
pub struct PublisherSettings {
    /// The service, as it appears in the connection's name.
    pub service: String,
    /// This process, as it appears in the connection's name.
    pub instance: String,
    /// What has to exist before publishing begins.
    pub expected: Expected,
    /// How many messages may be without a confirm at a time.
    pub window: usize,
    /// How many messages may wait in memory; what is handed over beyond that is spilled.
    pub max_in_memory: usize,
    /// How many bytes of bodies may wait in memory; what is handed over beyond that is spilled.
    pub max_bytes_in_memory: usize,
}

impl PublisherSettings {
    /// The usual bounds: 2,000 in flight, 6,000 messages and 256 MiB in memory.
    pub fn new(service: impl Into<String>, instance: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            instance: instance.into(),
            expected: Expected::new(),
            window: 2_000,
            max_in_memory: 6_000,
            max_bytes_in_memory: 256 * 1024 * 1024,
        }
    }
}
