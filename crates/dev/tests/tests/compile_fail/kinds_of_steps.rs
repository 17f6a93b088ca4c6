//! Steps of another kind than that as which they are declared.
include!("prelude.inc");

struct Orders;
impl Owner for Orders {
    type Saga = Fulfillment;
    async fn abort(&self, _: &mut Tx<'_>, _: &Cancelled) -> Result<(), Failure> {
        Ok(())
    }
}

fn main() {
    Participant::new("inventory").saga::<Fulfillment>(|saga| saga.compensatable(Reserve));
    Participant::new("inventory").saga::<Fulfillment>(|saga| saga.pivot(Reserve));
    Participant::new("inventory").saga::<Fulfillment>(|saga| saga.retriable(Reserve));
    Participant::new("orders").owns(Orders, |saga| saga.decides(Reserve));
    Participant::new("orders").owns(Orders, |saga| saga.starts(Reserve));
}
