//! A saga for tests of the matrix: somebody wishes for something.

use ballet::Saga;

ballet_testkit::events! {
    Cancelled = "desk.cancelled.v1" { wish: String }
}

pub(crate) struct Wish;

impl Saga for Wish {
    const NAME: &'static str = "wish";
    const OWNER: &'static str = "desk";
    type Abort = Cancelled;
}
