//! The objects that are declared on the broker: exchanges and queues.

use std::collections::VecDeque;

use crate::memory::message::Message;

/// How an exchange routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// By patterns with `*` and `#`.
    Topic,
    /// To everything that is bound.
    Fanout,
    /// By the exact key.
    Direct,
    /// By headers: all that the binding lists.
    Headers,
}

/// What a queue does with messages that come back to it.
#[derive(Debug, Clone, Default)]
pub struct QueueOptions {
    /// The number of redeliveries after which a message is dead.
    pub delivery_limit: Option<i64>,
    /// Exchange and routing key for dead messages. Without it they are lost.
    pub dead_letter: Option<(String, String)>,
}

#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) kind: Kind,
    pub(super) alternate: Option<String>,
    pub(super) bindings: Vec<Binding>,
}

/// What an exchange passes on, and where to.
#[derive(Debug)]
pub(super) struct Binding {
    pub(super) key: String,
    /// The headers that a message must have, for an exchange that routes by them.
    pub(super) headers: Vec<(String, String)>,
    pub(super) target: Target,
}

#[derive(Debug, Clone)]
pub(super) enum Target {
    Queue(String),
    Exchange(String),
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) options: QueueOptions,
    pub(super) ready: VecDeque<Message>,
    /// Connection and consumer tag, in turn.
    pub(super) consumers: VecDeque<(u64, String)>,
}
