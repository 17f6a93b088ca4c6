//! An owner's record of the pivot's outcome that may refuse.
include!("prelude.inc");

struct Orders;
impl Owner for Orders {
    type Saga = Fulfillment;
    async fn abort(&self, _: &mut Tx<'_>, _: &Cancelled) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {
    Participant::new("orders").owns(Orders, |saga| saga.decides(Reserve));
}
