//! Keys that this process has in progress.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

type Keys = HashMap<(String, String), Vec<u8>>;

/// The keys, by client and text, with the fingerprints of their requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeysInUse(Arc<Mutex<Keys>>);

#[derive(Debug)]
pub(crate) struct KeyGuard {
    all: KeysInUse,
    key: (String, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyConflict {
    Same,
    ByAnother,
}

impl KeysInUse {
    pub(crate) fn begin(
        &self,
        client: &str,
        key: &str,
        fingerprint: &[u8],
    ) -> Result<KeyGuard, KeyConflict> {
        let key = (client.to_owned(), key.to_owned());
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key.clone()) {
            Entry::Occupied(known) if known.get() == fingerprint => Err(KeyConflict::Same),
            Entry::Occupied(_) => Err(KeyConflict::ByAnother),
            Entry::Vacant(free) => {
                free.insert(fingerprint.to_owned());
                Ok(KeyGuard { all: self.clone(), key })
            }
        }
    }
}

impl Drop for KeyGuard {
    fn drop(&mut self) {
        self.all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
