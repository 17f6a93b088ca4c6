//! What the handlers work with.

use ballet::Handle;
use ballet_openapi::Watchers;

use crate::config::DispatchSettings;
use crate::history::History;

/// The running service, its settings, and those who watch rides.
#[derive(Debug, Clone)]
pub(crate) struct Dispatch {
    pub(crate) handle: Handle,
    pub(crate) settings: DispatchSettings,
    pub(crate) watchers: Watchers<History>,
}
