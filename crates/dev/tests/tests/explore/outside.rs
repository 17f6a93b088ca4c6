//! The provider: its work for each saga, and when it answers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use ballet::Failure;
use ballet::calls::CallKey;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use uuid::Uuid;

/// A request to the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum ProviderRequest {
    Authorize,
    Capture,
    Void,
    Refund,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusedRequest {
    Never,
    First,
    Second,
}

#[derive(Debug, Clone)]
pub(crate) struct ProviderAccount {
    no: RefusedRequest,
    /// Answered only later.
    held: BTreeSet<ProviderRequest>,
    /// The requests by key, with the answers: a repeated request gets the same one.
    pub(crate) answers: BTreeMap<CallKey, (ProviderRequest, bool)>,
    /// The number of requests, also of repeated ones.
    pub(crate) asked: u32,
    pub(crate) authorized: bool,
    pub(crate) voided: bool,
    pub(crate) captured: bool,
    pub(crate) refunded: bool,
    /// The forbidden requests that were made, each in words.
    pub(crate) wrong: Vec<String>,
}

/// The provider acts at once, and answers when the test lets it. In between, the service does not know of the effect.
#[derive(Debug, Clone)]
pub(crate) struct SaleProvider {
    accounts: Arc<Mutex<HashMap<Uuid, ProviderAccount>>>,
    let_go: Arc<watch::Sender<()>>,
}

impl SaleProvider {
    pub(crate) fn new() -> Self {
        Self { accounts: Arc::default(), let_go: Arc::new(watch::Sender::new(())) }
    }

    fn accounts(&self) -> MutexGuard<'_, HashMap<Uuid, ProviderAccount>> {
        self.accounts.lock().expect("not poisoned")
    }

    /// `authorized`: for captures without an authorization that the provider knows of.
    pub(crate) fn open_account(
        &self,
        saga: Uuid,
        no: RefusedRequest,
        held: &[ProviderRequest],
        authorized: bool,
    ) {
        let account = ProviderAccount {
            no,
            held: held.iter().copied().collect(),
            answers: BTreeMap::new(),
            asked: 0,
            authorized,
            voided: false,
            captured: false,
            refunded: false,
            wrong: Vec::new(),
        };
        self.accounts().insert(saga, account);
    }

    pub(crate) fn account(&self, saga: Uuid) -> ProviderAccount {
        self.accounts()[&saga].clone()
    }

    /// Takes effect with [`tell`](Self::tell).
    pub(crate) fn answer(&self, saga: Uuid, asked: &[ProviderRequest]) {
        if let Some(account) = self.accounts().get_mut(&saga) {
            account.held.retain(|held| !asked.contains(held));
        }
    }

    pub(crate) fn answer_all(&self) {
        self.accounts().values_mut().for_each(|account| account.held.clear());
        self.tell();
    }

    pub(crate) fn tell(&self) {
        self.let_go.send_replace(());
    }

    pub(crate) fn holds(&self, saga: Uuid, ask: ProviderRequest) -> bool {
        self.accounts().get(&saga).is_some_and(|account| account.held.contains(&ask))
    }

    pub(crate) async fn ask(
        &self,
        key: CallKey,
        saga: Uuid,
        ask: ProviderRequest,
    ) -> Result<bool, Failure> {
        let mut told = self.let_go.subscribe();
        let answer = match self.accounts().get_mut(&saga) {
            Some(account) => account.take(key, ask),
            None => return Err(Failure::permanent("no such account")),
        };
        while self.holds(saga, ask) {
            told.changed().await?;
        }
        Ok(answer)
    }
}

impl ProviderAccount {
    fn take(&mut self, key: CallKey, ask: ProviderRequest) -> bool {
        self.asked += 1;
        if let Some((_, answer)) = self.answers.get(&key) {
            return *answer;
        }
        let mut wrong = |when: bool, what: &str| {
            if when {
                self.wrong.push(what.to_owned());
            }
        };
        let answer = match ask {
            ProviderRequest::Authorize => {
                wrong(self.authorized, "authorized twice");
                self.authorized = self.no != RefusedRequest::First;
                self.authorized
            }
            ProviderRequest::Capture => {
                wrong(self.captured, "captured twice");
                let takes = self.authorized && !self.voided && self.no != RefusedRequest::Second;
                self.captured |= takes;
                takes
            }
            ProviderRequest::Void => {
                wrong(self.captured, "void of a captured payment");
                wrong(!self.authorized, "void of nothing");
                wrong(self.voided, "voided twice");
                self.voided = true;
                true
            }
            ProviderRequest::Refund => {
                wrong(!self.captured, "refund of nothing");
                wrong(self.refunded, "refunded twice");
                self.refunded = true;
                true
            }
        };
        self.answers.insert(key, (ask, answer));
        answer
    }
}
