//! What a run stands on: servers, proxies in front of them, and the services' processes.

pub(crate) mod clock;
pub(crate) mod ends;
pub(crate) mod fleet;
pub(crate) mod long_run;
pub(crate) mod run_dir;
mod signals;
