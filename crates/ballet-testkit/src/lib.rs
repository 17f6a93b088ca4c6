//! ballet-testkit
