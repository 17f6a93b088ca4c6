//! The systems whose declarations are part of this build.

use ballet::core::System;

pub(crate) fn systems() -> Vec<System> {
    vec![shop::system()]
}
