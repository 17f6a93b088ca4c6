//! Settings of the consume role.

use crate::session::expected_objects::ExpectedObjects;

/// Settings of the consume role.
#[derive(Debug, Clone)]
pub struct ConsumerSettings {
    /// The name of the service, used in connection and consumer names.
    pub service: String,
    /// The name of this process, used in connection and consumer names.
    pub instance: String,
    /// The queue to consume. It must exist before consuming starts.
    pub queue: String,
    /// The maximum number of unsettled deliveries. Two batches are a good value. It is lower while
    /// messages would take more than 64 MiB.
    pub prefetch: u16,
    /// The objects without which it consumes all the same. The log names those that are missing.
    pub expected: ExpectedObjects,
    /// The queues whose lengths [`ConsumerHandle::lengths`](crate::ConsumerHandle::lengths) tells.
    pub watched: Vec<String>,
}

impl ConsumerSettings {
    /// Creates settings for the queue named after the service.
    pub fn new(service: impl Into<String>, instance: impl Into<String>) -> Self {
        let service = service.into();
        Self {
            queue: service.clone(),
            service,
            instance: instance.into(),
            prefetch: 500,
            expected: ExpectedObjects::new(),
            watched: Vec::new(),
        }
    }
}
