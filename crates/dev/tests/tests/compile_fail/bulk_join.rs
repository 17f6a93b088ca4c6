//! A bulk step cannot join events.
include!("prelude.inc");
use ballet::bulk::*;
struct ReserveAll;
impl BulkStep for ReserveAll {
    const NAME: &'static str = "reserve";
    type On = (Placed, Cancelled);
    type Done = Reserved;
    type Refused = Never;
    async fn run(&self, _: &mut BulkTx<'_>, _: Vec<Item<Self::On>>) -> BulkResult<Self> {
        Ok(Vec::new())
    }
}

fn main() {
    Participant::new("inventory").saga::<Fulfillment>(|saga| saga.retriable(ReserveAll));
}
