//! Servers and beds as tests use them.

// `cfg(test)` holds here anyway; written out, it tells clippy that the helpers are tests, too.
#[cfg(test)]
mod bed;
#[cfg(test)]
mod private;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod suite;
#[cfg(test)]
mod topology;
