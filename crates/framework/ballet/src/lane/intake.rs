//! The intake of deliveries and answers to calls: each goes to the lane of its saga.

use std::sync::Arc;

use ballet_amqp::{Arrival, Delivery, Receipt, pack};
use ballet_core::{Reason, Unacceptable};
use tokio::sync::mpsc;

use crate::declare::step::retry::Delay;
use crate::engine::calls::open_calls::CallAnswer;
use crate::engine::engine::Engine;
use crate::lane::dead_letters::dead_letter::{self, OriginalMessage, RetryWait};
use crate::lane::message::message::{LaneMessage, LaneWork};

/// How often a pack was delivered before its members go on as messages of their own. One of them may
/// be what ends the process, and the others would become a dead letter with it.
const APART_FROM: u32 = 3;

#[derive(Clone)]
pub(crate) struct Lanes(Arc<[mpsc::UnboundedSender<LaneWork>]>);

pub(crate) type LaneQueue = mpsc::UnboundedReceiver<LaneWork>;

impl Lanes {
    pub(crate) fn new(lanes: u16) -> (Self, Vec<LaneQueue>) {
        let (senders, queues): (Vec<_>, Vec<_>) =
            (0..lanes).map(|_| mpsc::unbounded_channel()).unzip();
        (Self(senders.into()), queues)
    }

    /// Hands on a message, or each member of a pack.
    pub(crate) fn dispatch(&self, engine: &Arc<Engine>, arrival: Arrival) {
        if !pack::is_pack(&arrival.delivery.properties)
            || dead_letter::is_crash_loop(&arrival.delivery)
        {
            engine.handlers.last_work.came(1);
            if let Some(message) = read(engine, arrival) {
                self.take(message);
            }
            return;
        }
        let Arrival { delivery, receipt } = arrival;
        let earlier = delivery.earlier_deliveries();
        match pack::split(delivery, &engine.limits) {
            Ok(members) => {
                engine.handlers.last_work.came(members.len());
                metrics::histogram!("ballet_pack_size").record(count(members.len()));
                let receipts = receipt.split(members.len());
                let members = members.into_iter().zip(receipts);
                let members = members.map(|(delivery, receipt)| Arrival { delivery, receipt });
                if earlier >= APART_FROM {
                    members.for_each(|member| tried_apart(engine, member, earlier));
                } else {
                    // All are read before the first is handed on, since a lane begins with what is
                    // there.
                    let all: Vec<_> = members.filter_map(|member| read(engine, member)).collect();
                    all.into_iter().for_each(|message| self.take(message));
                }
            }
            Err(refused) => {
                let (why, delivery) = *refused;
                refuse(engine, delivery, receipt, why);
            }
        }
    }

    fn take(&self, message: Box<LaneMessage>) {
        let envelope = &message.envelope;
        let serial = envelope.saga_id.map_or(envelope.message_id.0, |saga| saga.0);
        self.send(serial.as_u128(), LaneWork::Message(message));
    }

    pub(crate) fn answer(&self, answer: CallAnswer) {
        self.send(answer.call.saga_id.0.as_u128(), LaneWork::Answer(Box::new(answer)));
    }

    fn send(&self, serial: u128, work: LaneWork) {
        let lanes = self.0.len().max(1) as u128;
        let lane = usize::try_from(serial % lanes).unwrap_or_default();
        if let Some(lane) = self.0.get(lane)
            && lane.send(work).is_err()
        {
            tracing::debug!("a lane has stopped; the broker delivers its messages again");
        }
    }
}

/// Sets a delivery aside if it cannot be read.
fn read(engine: &Arc<Engine>, arrival: Arrival) -> Option<Box<LaneMessage>> {
    let Arrival { delivery, receipt } = arrival;
    if dead_letter::is_crash_loop(&delivery) {
        let earlier = delivery.earlier_deliveries();
        let detail = format!(
            "the message was delivered {earlier} times and never settled: it may be what ends \
             the process; find the cause before it is redriven"
        );
        refuse(engine, delivery, receipt, Unacceptable::new(Reason::CrashLoop, detail));
        return None;
    }
    let Engine { registry, limits, time, spans, .. } = &**engine;
    let clocks = (&time.clock, time.shared.latest());
    match LaneMessage::read(registry, limits, clocks, spans.sampler, delivery, receipt) {
        Ok(message) => Some(Box::new(message)),
        Err(unread) => {
            let (why, delivery, receipt) = *unread;
            refuse(engine, delivery, receipt, why);
            None
        }
    }
}

fn refuse(engine: &Arc<Engine>, delivery: Delivery, receipt: Receipt, why: Unacceptable) {
    let original = OriginalMessage::unread(delivery, receipt);
    dead_letter::set_aside(engine, original, why, None, 0);
}

fn tried_apart(engine: &Arc<Engine>, member: Arrival, earlier: u32) {
    let Arrival { delivery, receipt } = member;
    let detail = format!(
        "its pack was delivered {earlier} times and not settled, and one of its members may be the \
         cause: each is tried alone"
    );
    let wait = RetryWait::Other(Delay::endless(dead_letter::other_waits(&delivery)));
    let original = OriginalMessage::unread(delivery, receipt);
    let why = Unacceptable::new(Reason::NotYet, detail);
    dead_letter::retry_later(engine, original, why, None, wait, 0);
}

#[expect(clippy::cast_precision_loss, reason = "packs are small")]
fn count(members: usize) -> f64 {
    members as f64
}
