//! A run's environment: servers, proxies, the services' processes, and the signal to end.

pub(crate) mod clock;
pub(crate) mod ends;
pub(crate) mod fleet;
pub(crate) mod long_run;
pub(crate) mod run_dir;
pub(crate) mod stop;
