//! The checks for steps and programs: correct ones pass, and faults are found.

// `cfg(test)` holds here anyway; written out, it tells clippy that the helper functions are test code.
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod participant;
#[cfg(test)]
mod wish;
#[cfg(test)]
mod yard;
