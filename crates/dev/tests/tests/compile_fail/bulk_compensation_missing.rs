//! A compensatable bulk step without a compensation.
include!("prelude.inc");
use ballet::bulk::*;
struct ReserveAll;
impl BulkStep for ReserveAll {
    const NAME: &'static str = "reserve";
    type On = Placed;
    type Done = Reserved;
    type Refused = Short;
    async fn run(&self, _: &mut BulkTx<'_>, on: Vec<Item<Placed>>) -> BulkResult<Self> {
        Ok(on.iter().map(|_| Outcome::Done(Reserved {})).collect())
    }
}

fn main() {
    Participant::new("inventory").saga::<Fulfillment>(|saga| saga.compensatable(ReserveAll));
}
