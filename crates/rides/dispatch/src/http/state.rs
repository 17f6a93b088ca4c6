//! The state that the handlers share.

use ballet::Handle;
use ballet_openapi::Watchers;

use crate::config::DispatchSettings;
use crate::history::RideHistory;

/// The running service, its settings, and the clients that watch rides.
#[derive(Debug, Clone)]
pub(crate) struct DispatchState {
    pub(crate) handle: Handle,
    pub(crate) settings: DispatchSettings,
    pub(crate) watchers: Watchers<RideHistory>,
}
