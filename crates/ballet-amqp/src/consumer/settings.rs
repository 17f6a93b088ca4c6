//! What the consume role needs to know.

use crate::session::expected::Expected;

/// What the consume role needs to know.
#[derive(Debug, Clone)]
pub struct ConsumerSettings {
    /// The service, as it appears in connection and consumer names.
    pub service: String,
    /// This process, as it appears in connection and consumer names.
    pub instance: String,
    /// The queue to consume.
    pub queue: String,
    /// How many deliveries may be unsettled at a time; two batches are a good number.
    pub prefetch: u16,
    /// What has to exist before consuming begins; the queue is always looked for.
    pub expected: Expected,
}

impl ConsumerSettings {
    /// Consumes the queue named after the service.
    pub fn new(service: impl Into<String>, instance: impl Into<String>) -> Self {
        let service = service.into();
        Self {
            queue: service.clone(),
            service,
            instance: instance.into(),
            prefetch: 500,
            expected: Expected::new(),
        }
    }
}
