//! Mistakes in the methods of a service.
include!("attributes.inc");
use ballet::bulk::*;

#[ballet::service("inventory", saga = Fulfillment)]
impl Inventory {
    #[retriable]
    fn not_async(_: &mut Tx<'_>, _: Placed) -> Does<Reserved> {
        done(Reserved {})
    }

    #[retriable]
    async fn no_transaction(_: Placed) -> Does<Reserved> {
        done(Reserved {})
    }

    #[retriable]
    async fn no_event(_: &mut Tx<'_>) -> Does<Reserved> {
        done(Reserved {})
    }

    #[retriable]
    async fn no_outcome(_: &mut Tx<'_>, _: Placed) {}

    #[retriable]
    async fn another_outcome(_: &mut Tx<'_>, _: Placed) -> Result<Reserved, Failure> {
        Ok(Reserved {})
    }

    #[retriable]
    async fn refuses(_: &mut Tx<'_>, _: Placed) -> Does<Reserved, Short> {
        done(Reserved {})
    }

    #[compensatable]
    async fn no_undo(_: &mut Tx<'_>, _: Placed) -> Does<Reserved> {
        done(Reserved {})
    }

    #[compensatable(undo = relase)]
    async fn misspelt_undo(_: &mut Tx<'_>, _: Placed) -> Does<Reserved> {
        done(Reserved {})
    }

    #[compensatable(undo = tells_nothing)]
    async fn undo_without_answer(_: &mut Tx<'_>, _: Placed) -> Does<Reserved> {
        done(Reserved {})
    }

    async fn tells_nothing(_: &mut Tx<'_>, _: Reserved) {}

    #[compensable(undo = release)]
    async fn misspelt(_: &mut Tx<'_>, _: Placed) -> Does<Reserved> {
        done(Reserved {})
    }

    #[retriable]
    #[projects]
    async fn two_things(_: &mut Tx<'_>, _: Placed) -> Does<Reserved> {
        done(Reserved {})
    }

    #[retriable(undo = release)]
    async fn word_of_another(_: &mut Tx<'_>, _: Placed) -> Does<Reserved> {
        done(Reserved {})
    }

    #[decides]
    async fn not_the_owner(_: &mut Tx<'_>, _: Placed) -> Does<Reserved> {
        done(Reserved {})
    }

    #[repeating(undo = release, undone_by = |_: &Short| String::new())]
    async fn without_key(_: &mut Tx<'_>, _: Placed) -> Does<Reserved> {
        done(Reserved {})
    }

    #[repeating(undo = release, key = |_| String::new())]
    async fn undone_by_nothing(_: &mut Tx<'_>, _: Placed) -> Does<Reserved> {
        done(Reserved {})
    }

    #[retriable(key = |_| String::new())]
    async fn key_of_a_join(_: &mut Tx<'_>, _: Placed, _: Short) -> Does<Reserved> {
        done(Reserved {})
    }

    #[retriable]
    async fn together_with_one(_: &mut Tx<'_>, _: Vec<Item<Placed>>) -> DoesAll<Reserved> {
        Ok(Vec::new())
    }

    #[watches]
    async fn without_look(_: &mut Tx<'_>, _: Placed) -> Result<(), Failure> {
        Ok(())
    }

    #[retriable]
    async fn reserve(_: &mut Tx<'_>, _: Placed) -> Does<Reserved> {
        done(Reserved {})
    }

    #[retriable]
    async fn reserve_(_: &mut Tx<'_>, _: Placed) -> Does<Reserved> {
        done(Reserved {})
    }

    async fn release(_: &mut Tx<'_>, _: Reserved) -> Undoes<Released> {
        compensated(Released {})
    }
}

#[ballet::service("orders")]
impl Orders {
    #[owns(Fulfillment, deadline("soon", Self::overdue, Self::cancelled))]
    async fn cancel(_: &mut Tx<'_>, _: &Cancelled) -> Result<(), Failure> {
        Ok(())
    }

    #[pivot(undo = release)]
    async fn pivot_of_the_owner(_: &mut Tx<'_>, _: Placed) -> Does<Reserved> {
        done(Reserved {})
    }

    async fn release(_: &mut Tx<'_>, _: Reserved) -> Undoes<Released> {
        compensated(Released {})
    }
}

#[ballet::service("shipping")]
impl Shipping {
    #[retriable]
    async fn of_no_saga(_: &mut Tx<'_>, _: Placed) -> Does<Reserved> {
        done(Reserved {})
    }
}

struct Payments;

#[ballet::service("payments", saga = Fulfillment)]
impl Payments {
    #[retriable]
    async fn by_value(self, _: &mut Tx<'_>, _: Placed) -> Does<Reserved> {
        done(Reserved {})
    }
}

#[ballet::service("kitchen", saga = Fulfillment)]
impl Kitchen {
    #[retriable = "now"]
    async fn with_a_value(_: &mut Tx<'_>, _: Placed) -> Does<Reserved> {
        done(Reserved {})
    }

    async fn forgotten(_: &mut Tx<'_>, _: Placed) -> Does<Reserved> {
        done(Reserved {})
    }

    #[retriable(touches = rows)]
    async fn rows_of_a_join(_: &mut Tx<'_>, _: Placed, _: Short) -> Does<Reserved> {
        done(Reserved {})
    }
}

#[ballet::service("orders")]
impl Warehouse {
    #[owns(Fulfillment)]
    async fn cancel_order(_: &mut Tx<'_>, _: &Cancelled) -> Result<(), Failure> {
        Ok(())
    }

    #[owns(Fulfillment)]
    async fn cancel_again(_: &mut Tx<'_>, _: &Cancelled) -> Result<(), Failure> {
        Ok(())
    }

    #[retriable(saga = crate::Fulfillment)]
    async fn of_another_path(_: &mut Tx<'_>, _: Placed) -> Does<Reserved> {
        done(Reserved {})
    }
}

fn main() {}
