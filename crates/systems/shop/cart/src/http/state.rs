//! The state of the handlers.

use axum::extract::FromRef;
use ballet::Handle;
use shop_events::access::unpaid::UnpaidLimit;

#[derive(Debug, Clone)]
pub(crate) struct CartsState {
    pub(crate) handle: Handle,
    pub(crate) unpaid: UnpaidLimit,
}

impl FromRef<CartsState> for Handle {
    fn from_ref(carts: &CartsState) -> Self {
        carts.handle.clone()
    }
}
