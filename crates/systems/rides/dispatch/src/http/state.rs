//! The state that the handlers share.

use ballet::Handle;

use crate::config::DispatchSettings;
use crate::verifier::Verifier;

#[derive(Debug, Clone)]
pub(crate) struct DispatchState {
    pub(crate) handle: Handle,
    pub(crate) settings: DispatchSettings,
    pub(crate) verifier: Verifier,
}
