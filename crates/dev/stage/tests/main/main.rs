//! Servers and test environments, as tests use them.

// `cfg(test)` holds here anyway, but tells clippy that helpers are test code.
#[cfg(test)]
mod management;
#[cfg(test)]
mod private;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod test_env;
#[cfg(test)]
mod topology;
