//! ballet-core
