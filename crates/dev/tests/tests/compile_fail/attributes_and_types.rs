//! Types that do not fit: the errors are the compiler's, at the method.
include!("attributes.inc");

#[ballet::service("inventory", saga = Fulfillment)]
impl Inventory {
    #[compensatable(undo = undoes_another)]
    async fn reserve(_: &mut Tx<'_>, _: Placed) -> Does<Reserved> {
        done(Reserved {})
    }

    async fn undoes_another(_: &mut Tx<'_>, _: Placed) -> Undoes<Released> {
        compensated(Released {})
    }

    #[retriable]
    async fn of_no_event(_: &mut Tx<'_>, _: String) -> Does<Reserved> {
        done(Reserved {})
    }
}

#[ballet::service("orders")]
impl Orders {
    #[owns(Fulfillment)]
    async fn cancel(_: &mut Tx<'_>, _: &Cancelled) -> Result<(), Failure> {
        Ok(())
    }

    #[starts]
    async fn begin(_: &mut Tx<'_>, _: Placed) -> Does<Reserved, Short> {
        done(Reserved {})
    }
}

#[saga("return", owner = "orders", abort = Cancelled)]
struct Return;

struct Returns;

impl Owner for Returns {
    type Saga = Return;

    async fn abort(&self, _: &mut Tx<'_>, _: &Cancelled) -> Result<(), Failure> {
        Ok(())
    }
}

#[ballet::service("returns")]
impl OwnerOfAnother {
    #[owns(Fulfillment)]
    fn returns() -> Returns {
        Returns
    }
}

fn main() {}
