//! The state that the handlers share.

use ballet::Handle;
use ballet::openapi::Watchers;

use crate::config::DispatchSettings;
use crate::history::RideHistory;
use crate::verifier::Verifier;

#[derive(Debug, Clone)]
pub(crate) struct DispatchState {
    pub(crate) handle: Handle,
    pub(crate) settings: DispatchSettings,
    pub(crate) watchers: Watchers<RideHistory>,
    pub(crate) verifier: Verifier,
}
