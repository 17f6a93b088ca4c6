//! What the handlers work with.

use axum::extract::FromRef;
use ballet::Handle;
use shop_access::unpaid::Unpaid;

/// What the handlers work with.
#[derive(Debug, Clone)]
pub(crate) struct Carts {
    pub(crate) handle: Handle,
    pub(crate) unpaid: Unpaid,
}

impl FromRef<Carts> for Handle {
    fn from_ref(carts: &Carts) -> Self {
        carts.handle.clone()
    }
}
