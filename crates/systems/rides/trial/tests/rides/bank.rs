//! The card processor of a test's town: the sandbox, which can be unreachable.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ballet::Failure;
use ballet::calls::CallKey;
use common::cards::{Authorization, Authorize, Capture, Provider, Refund, Sandbox, Settle, Void};
use common::outside::Reply;

#[derive(Debug, Clone)]
pub(crate) struct Bank {
    sandbox: Arc<Sandbox>,
    is_away: Arc<AtomicBool>,
}

impl Bank {
    pub(crate) fn new(database_url: &str) -> Self {
        Self { sandbox: Arc::new(Sandbox::new(database_url)), is_away: Arc::default() }
    }

    pub(crate) fn is_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::SeqCst);
    }

    fn ask<'a, T: 'a>(&self, reply: Reply<'a, T>) -> Reply<'a, T> {
        if self.is_away.load(Ordering::SeqCst) {
            return Box::pin(async { Err(Failure::transient("it is away")) });
        }
        reply
    }
}

impl Provider for Bank {
    fn authorize<'a>(&'a self, key: CallKey, request: &'a Authorize) -> Reply<'a, Authorization> {
        self.ask(self.sandbox.authorize(key, request))
    }

    fn capture<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Capture> {
        self.ask(self.sandbox.capture(key, request))
    }

    fn void<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Void> {
        self.ask(self.sandbox.void(key, request))
    }

    fn refund<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Refund> {
        self.ask(self.sandbox.refund(key, request))
    }
}
