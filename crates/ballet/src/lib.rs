//! ballet
