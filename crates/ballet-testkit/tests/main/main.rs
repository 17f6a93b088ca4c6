//! The checks for steps and routes: what is right passes, and what is wrong is found.

// `cfg(test)` holds here anyway; written out, it tells clippy that the helper functions are test code.
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod participant;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod suite;
#[cfg(test)]
mod wish;
