//! The events of the shop's orders: all that its services publish from the placed to the completed order.

use anyhow::{Context, Result};
use ballet::core::Event;
use ballet::core::topology::EVENTS;
use ballet_amqp::{AMQPValue, BasicProperties, FieldTable};
use ballet_stream::Record;
use jiff::Timestamp;
use shop_events::inventory::{StockCommitted, StockReserved};
use shop_events::orders::{OrderCompleted, OrderConfirmed, OrderPlaced};
use shop_events::payments::{PaymentAuthorized, PaymentCaptured, PaymentRefunded};
use shop_events::shipping::{ShipmentDelivered, ShipmentDispatched, ShipmentScheduled};
use shop_events::{Address, Currency, Money, OrderLine, Sku, StockLine};
use uuid::Uuid;

/// The number of events in an order.
pub(crate) const EVENTS_EACH: u64 = 10;
/// The number of orders under way at a time, whose events come in turns.
const TOGETHER: u64 = 100;
/// One order in this many is broken in a run with faults.
const BROKEN: u64 = 397;
/// 2026-11-22T09:00:00Z in milliseconds.
const BEGIN: u64 = 1_795_338_000_000;
/// The run number in ids that come from outside: they are the same in every run.
const OUTSIDE: u64 = 99;

/// A fault that is put into an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrderFault {
    /// Its last event is missing.
    Missing,
    /// The captured amount is a cent too high.
    Value,
    /// An event is added: the money is refunded at the end.
    New,
}

/// The fault of this order in a run with faults.
pub(crate) fn fault(order: u64) -> Option<OrderFault> {
    let faults = [OrderFault::Missing, OrderFault::Value, OrderFault::New];
    let which = usize::try_from(order / BROKEN).unwrap_or_default() % faults.len();
    (order % BROKEN == BROKEN / 2).then(|| faults[which])
}

/// The id of a saga, from which [`order_of`] reads the order's number.
pub(crate) fn saga(run: u64, order: u64) -> Uuid {
    id(run, order, 0)
}

pub(crate) fn order_of(saga: Uuid) -> u64 {
    let low = u64::try_from(saga.as_u128() & u128::from(u64::MAX)).unwrap_or_default();
    (low & 0x3fff_ffff_ffff_ffff) >> 8
}

/// A version 7 id with the number of the run in place of random bits.
fn id(run: u64, order: u64, number: u64) -> Uuid {
    let millis = u128::from(BEGIN + order * 2 + number);
    let low = u128::from(0x8000_0000_0000_0000 | order << 8 | number);
    Uuid::from_u128(millis << 80 | 0x7 << 76 | u128::from(run) << 64 | low)
}

/// A run, with its own ids and times of what services make. With faults, some orders are broken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OrderRun {
    pub(crate) number: u64,
    pub(crate) faults: bool,
}

impl OrderRun {
    /// The events of this many orders, in the order in which they come.
    pub(crate) fn events(self, orders: u64) -> impl Iterator<Item = Result<Record>> {
        let all = (0..orders).step_by(usize::try_from(TOGETHER).unwrap_or(1));
        all.flat_map(move |first| {
            let together = first..orders.min(first + TOGETHER);
            match together.map(|order| self.order(order)).collect::<Result<Vec<_>>>() {
                Ok(all) => in_turns(all),
                Err(error) => vec![Err(error)],
            }
        })
    }

    fn order(self, number: u64) -> Result<Vec<Record>> {
        let fault = fault(number).filter(|_| self.faults);
        let order_id = saga(self.number, number).into();
        let shipment_id = id(self.number, number, 100).into();
        let mut saga = OrderSaga { run: self.number, order: number, records: Vec::new() };
        let currency: Currency = "EUR".parse()?;
        let sku = |line: u64| format!("sku-{}", (number * 7 + line) % 1_000).parse::<Sku>();
        let (mut lines, mut held, mut sum) = (Vec::new(), Vec::new(), 0);
        for line in 0..=number % 3 {
            let quantity = u32::try_from(1 + (number + line) % 4)?;
            let unit_price = Money { amount_minor: i64::try_from(199 + line * 100)?, currency };
            sum += i64::from(quantity) * unit_price.amount_minor;
            lines.push(OrderLine { sku: sku(line)?, quantity, unit_price, product_version: None });
            held.push(StockLine { sku: sku(line)?, quantity: quantity.into() });
        }
        let total = Money { amount_minor: sum, currency };
        let captured = match fault {
            Some(OrderFault::Value) => Money { amount_minor: sum + 1, currency },
            _ => total,
        };
        let placed = saga.add(
            None,
            &OrderPlaced {
                order_id,
                customer_id: id(OUTSIDE, number % 500, 0).into(),
                lines,
                total,
                card_token: format!("tok_visa_{number}"),
                ship_to: Address {
                    name: format!("Customer {}", number % 500),
                    street: format!("{} High Street", number % 90),
                    postal_code: format!("{:05}", number % 99_999),
                    city: "Zürich".to_owned(),
                    country: "CH".parse()?,
                },
                // A value from outside: it is the same in every run.
                placed_at: "2026-11-22T09:00:00Z".parse()?,
            },
        )?;
        let lines = held.clone();
        let reserved = saga.add(Some(placed), &StockReserved { order_id, lines })?;
        let amount = total;
        let authorized = saga.add(Some(reserved), &PaymentAuthorized { order_id, amount })?;
        let scheduled = saga.add(Some(authorized), &ShipmentScheduled { order_id, shipment_id })?;
        let amount = captured;
        let captured = saga.add(Some(scheduled), &PaymentCaptured { order_id, amount })?;
        let confirmed = saga.add(Some(captured), &OrderConfirmed { order_id, total })?;
        saga.add(Some(confirmed), &StockCommitted { order_id, lines: held })?;
        let tracking = format!("parcel_{}", shipment_id.0);
        let on_its_way = ShipmentDispatched { order_id, shipment_id, tracking };
        let dispatched = saga.add(Some(confirmed), &on_its_way)?;
        let delivered_at = saga.now()?;
        let arrived = ShipmentDelivered { order_id, shipment_id, delivered_at };
        let delivered = saga.add(Some(dispatched), &arrived)?;
        if fault == Some(OrderFault::Missing) {
            return Ok(saga.records);
        }
        let completed = saga.add(Some(delivered), &OrderCompleted { order_id })?;
        if fault == Some(OrderFault::New) {
            saga.add(Some(completed), &PaymentRefunded { order_id, amount: total })?;
        }
        Ok(saga.records)
    }
}

/// The first event of each order, then the second, and so on.
fn in_turns(all: Vec<Vec<Record>>) -> Vec<Result<Record>> {
    let mut all: Vec<_> = all.into_iter().map(Vec::into_iter).collect();
    let mut turns = Vec::new();
    loop {
        let before = turns.len();
        turns.extend(all.iter_mut().filter_map(Iterator::next).map(Ok));
        if turns.len() == before {
            return turns;
        }
    }
}

struct OrderSaga {
    run: u64,
    order: u64,
    records: Vec<Record>,
}

impl OrderSaga {
    /// The id of the next event.
    fn next(&self) -> Uuid {
        id(self.run, self.order, self.records.len() as u64 + 1)
    }

    fn now(&self) -> Result<Timestamp> {
        ballet::core::id::time_of(self.next()).context("an id without a time")
    }

    /// Adds the event in the form in which the service publishes it. Returns its id.
    fn add<E: Event>(&mut self, cause: Option<Uuid>, event: &E) -> Result<Uuid> {
        let (id, now) = (self.next(), self.now()?);
        let mut headers = FieldTable::default();
        let text = |text: String| AMQPValue::LongString(text.into());
        if let Some(cause) = cause {
            headers.insert("causation_id".into(), text(cause.to_string()));
        }
        let trace = saga(self.run, self.order).simple().to_string();
        let span = self.order << 8 | self.records.len() as u64;
        headers.insert("traceparent".into(), text(format!("00-{trace}-{span:016x}-01")));
        let properties = BasicProperties::default()
            .with_message_id(id.to_string().into())
            .with_type(E::TYPE.name().into())
            .with_correlation_id(saga(self.run, self.order).to_string().into())
            .with_app_id(E::TYPE.service().into())
            .with_timestamp(u64::try_from(now.as_second())?)
            .with_content_type("application/json".into())
            .with_delivery_mode(2)
            .with_headers(headers);
        self.records.push(Record {
            offset: None,
            time: Some(now),
            exchange: EVENTS.to_owned(),
            routing_key: E::TYPE.name().to_owned(),
            properties,
            body: serde_json::to_vec(event)?,
        });
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_come_in_turns_and_some_are_broken() {
        let events = |run: OrderRun| run.events(1_000).collect::<Result<Vec<_>>>().expect("events");
        let sound = events(OrderRun { number: 1, faults: false });
        assert_eq!(sound.len() as u64, 1_000 * EVENTS_EACH);
        assert_ne!(sound[0].saga(), sound[1].saga());
        assert_eq!(sound[0].saga(), sound[100].saga());
        assert_eq!(sound[0].message_id(), sound[100].cause());
        let broken = events(OrderRun { number: 2, faults: true });
        // One order with an event less, one with one more, and one with another value.
        assert_eq!((0..1_000).filter_map(fault).count(), 3);
        assert_eq!(broken.len(), sound.len());
        assert!((0..1_000).all(|order| order_of(saga(2, order)) == order));
        assert_ne!(saga(1, 7), saga(2, 7));
    }
}
