//! The messages of a flood, each a function of the seed and its number.

use ballet::MessageId;
use ballet_amqp::{AMQPValue, BasicProperties, FieldTable, Publish};
use uuid::Uuid;

use crate::flood::draft::{Draft, gzip};
use crate::flood::values::{Dice, death, decimal, list, odd, short, text, value};
use ballet_testkit::wire::raw_amqp::{self, Property};

pub(super) const NUMBER: &str = "number";
const BOOKED: &str = "desk.trip_booked.v1";
const RENAMED: &str = "hotel.hotel_renamed.v1";
const OLD: &str = "01000000-0000-7000-8000-000000000000";
const AHEAD: &str = "0fffffff-ffff-7fff-8fff-ffffffffffff";
const DAY: u128 = 24 * 60 * 60 * 1000;
/// Far enough from a limit in days for a run of hours.
const NEARLY: u128 = DAY / 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MessageFate {
    Applied,
    Duplicate,
    Dead(&'static str),
    Random,
}

#[derive(Debug, Clone)]
pub(super) struct FloodMessage {
    /// The inbox knows it by this id.
    pub(super) id: MessageId,
    pub(super) fate: MessageFate,
    pub(super) publish: Publish,
    /// A property that is no text, instead of the one in `publish`.
    pub(super) raw: Option<(Property, Vec<u8>)>,
}

impl FloodMessage {
    /// Returns them encoded, with one property that no client can send.
    pub(super) fn raw_properties(&self) -> Option<Vec<(Property, Vec<u8>)>> {
        let (odd, bytes) = self.raw.clone()?;
        let number = self.publish.properties.headers().as_ref()?.inner().get(NUMBER)?.clone();
        let AMQPValue::LongLongInt(number) = number else { return None };
        let number = [&raw_amqp::short(NUMBER.as_bytes())[..], b"l", &number.to_be_bytes()];
        let properties = &self.publish.properties;
        let given = [
            (Property::CorrelationId, properties.correlation_id()),
            (Property::MessageId, properties.message_id()),
            (Property::Type, properties.kind()),
        ];
        let given = given.into_iter().filter(|(of, _)| *of != odd);
        let given = given.filter_map(|(of, text)| Some((of, text.as_ref()?.as_str().into())));
        Some(given.chain([(Property::Headers, number.concat()), (odd, bytes)]).collect())
    }
}

pub(super) struct Flood {
    seed: u64,
    millis: u128,
}

impl Flood {
    /// Ids get the time of this one.
    pub(super) fn new(seed: u64, id: Uuid) -> Self {
        Self { seed, millis: id.as_u128() >> 80 }
    }

    fn dice(&self, number: u64) -> Dice {
        Dice(self.seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ (number << 1))
    }

    fn id(&self, number: u64) -> Uuid {
        self.id_before(number, 0)
    }

    fn id_before(&self, number: u64, millis: u128) -> Uuid {
        let time = (self.millis - millis) << 80;
        Uuid::from_u128(time | 0x7 << 76 | 0x2 << 62 | u128::from(number))
    }

    pub(super) fn message(&self, number: u64) -> FloodMessage {
        let mut dice = self.dice(number);
        match dice.roll(100) {
            0..55 => self.good(number, number),
            55..65 => self.again(number, &mut dice),
            65..85 => self.bad(number, &mut dice),
            _ => self.random(number, &mut dice),
        }
    }

    fn again(&self, number: u64, dice: &mut Dice) -> FloodMessage {
        let earlier = number.saturating_sub(1 + dice.roll(2000));
        if earlier < number && self.dice(earlier).roll(100) < 55 {
            return FloodMessage { fate: MessageFate::Duplicate, ..self.good(number, earlier) };
        }
        self.good(number, number)
    }

    fn draft(&self, number: u64, in_saga: bool) -> Draft {
        let id = self.id(number).to_string();
        let (key, body) = if in_saga {
            (BOOKED, format!(r#"{{"city":"Rome {number}"}}"#))
        } else {
            (RENAMED, format!(r#"{{"name":"Ritz {number}"}}"#))
        };
        let properties = BasicProperties::default().with_message_id(id.as_str().into());
        let properties = match in_saga {
            true => properties.with_correlation_id(id.as_str().into()),
            false => properties,
        };
        Draft {
            exchange: "events",
            key,
            properties,
            headers: FieldTable::default(),
            body: body.into_bytes(),
        }
    }

    fn cloud(&self, number: u64, draft: &Draft) -> String {
        let (id, data) = (self.id(number), String::from_utf8_lossy(&draft.body));
        format!(
            r#"{{"specversion":"1.0","id":"c-{number}","source":"/flood","type":"{}",
                "correlationid":"{id}","data":{data}}}"#,
            draft.key
        )
    }

    fn good(&self, number: u64, content: u64) -> FloodMessage {
        let mut dice = Dice(self.seed ^ content.wrapping_mul(7919));
        let in_saga = dice.roll(2) == 0;
        let draft = self.draft(content, in_saga);
        let id = self.id(content);
        let saga =
            |properties: BasicProperties| properties.with_correlation_id(short(&id.to_string()));
        let plain = MessageId(id);
        let (draft, id) = match dice.roll(16) {
            0 => (draft.packed(), plain),
            1 => (draft.straight(), plain),
            2 => {
                let (body, key) = (draft.body.clone(), draft.key);
                let bare = draft.with(|_| saga(BasicProperties::default()));
                (bare, MessageId::derived_from_content(key, Some(&id.to_string()), &body))
            }
            3 => {
                let name = format!("text {content}");
                let draft = draft.with(|given| given.with_message_id(short(&name)));
                (draft, MessageId::derived_from_text(&name))
            }
            4 => {
                let event = self.cloud(content, &draft);
                let kind = "application/cloudevents+json";
                let draft = draft
                    .with(|_| BasicProperties::default().with_content_type(kind.into()))
                    .body(event);
                let name = format!("c-{content}");
                (draft, MessageId::derived_from_source("/flood", &name))
            }
            5 => {
                let prefix = dice.pick(&["cloudEvents_", "cloudEvents:", "ce-"]);
                let mut draft = draft.with(|_| BasicProperties::default());
                for (name, value) in [
                    ("specversion", "1.0"),
                    ("id", &plain.to_string()),
                    ("type", draft.key),
                    ("correlationid", &plain.to_string()),
                ] {
                    draft = draft.header(&format!("{prefix}{name}"), text(value));
                }
                (draft, plain)
            }
            6 => {
                let (start, end) = draft.body.split_at(dice.index(draft.body.len()));
                let members = [gzip(start), gzip(end)].concat();
                let packed = |p: BasicProperties| p.with_content_encoding("gzip".into());
                (draft.with(packed).body(members), plain)
            }
            7 => {
                let blank = dice.pick(&[" ", "\t", " \u{a0} \u{3000}"]);
                let saga = in_saga.then(|| id.to_string());
                let id = MessageId::derived_from_content(draft.key, saga.as_deref(), &draft.body);
                (draft.with(|p| p.with_message_id(blank.into())), id)
            }
            8 => {
                let days = dice.pick(&[1, 6, 7]);
                let id = self.id_before(content, days * DAY - NEARLY);
                let draft = draft.with(|p| p.with_message_id(short(&id.to_string())));
                (draft, MessageId(id))
            }
            9 if in_saga => {
                let days = dice.pick(&[7, 75, 89, 90]);
                let saga = self.id_before(content, days * DAY - NEARLY).to_string();
                (draft.with(|p| p.with_correlation_id(short(&saga))), plain)
            }
            10 => {
                let draft = draft.with(|p| p.with_priority(dice.byte()));
                (draft.header("prices", list([decimal()])), plain)
            }
            11 => {
                let bad = text(dice.text());
                let draft = draft.header("baggage", bad.clone()).header("tracestate", bad);
                (draft.header("BCC", list([text("hotel"), text("#")])), plain)
            }
            12 => {
                let draft = draft.header("x-death", death(&mut dice)).header("x-delay", odd());
                (draft.header("x-first-death-queue", odd()).header("x-exchange", odd()), plain)
            }
            13 => {
                let names = ["some", "x-delivery-count", "x-retries", "x-attempts", "x-cc"];
                let (name, value) = (dice.pick(&names), value(&mut dice, 0));
                (draft.header(name, value), plain)
            }
            _ => {
                let kind = draft.key;
                let known = |given: BasicProperties| {
                    given.with_type(kind.into()).with_content_type("application/json".into())
                };
                (draft.with(known), plain)
            }
        };
        draft.message(number, id, MessageFate::Applied)
    }

    fn bad(&self, number: u64, dice: &mut Dice) -> FloodMessage {
        let good = || self.draft(number, true);
        let deep = || "[".repeat(70);
        let (reason, draft) = match dice.roll(30) {
            0 => ("not_json", good().body("{")),
            1 => ("not_json", good().body("")),
            2 => ("wrong_shape", good().body("[]")),
            3 => ("not_utf8", good().body(b"{\"city\":\"\xff\"}".to_vec())),
            4 => ("too_deep", good().body(deep())),
            5 => ("body_too_big", good().body(vec![b' '; 1_100_000]).packed()),
            6 => ("wrong_content_encoding", good().with(|p| p.with_content_encoding("br".into()))),
            7 => {
                ("wrong_content_encoding", good().with(|p| p.with_content_encoding("gzip".into())))
            }
            8 => ("wrong_content_type", good().with(|p| p.with_content_type("text/xml".into()))),
            9 => ("unknown_type", good().straight().with(|p| p.with_type("a.b.v1".into()))),
            10 => {
                let other = "desk.trip_booked.v2";
                ("unknown_version", good().straight().with(|p| p.with_type(other.into())))
            }
            11 => ("no_type", good().straight().with(|p| p.with_type("".into()))),
            12 => ("forged_type", good().with(|p| p.with_type(RENAMED.into()))),
            13 => ("forged_app_id", good().with(|p| p.with_app_id("hotel".into()))),
            14 => ("clock_ahead", good().with(|p| p.with_message_id(AHEAD.into()))),
            15 => ("too_old_to_deduplicate", good().with(|p| p.with_message_id(OLD.into()))),
            16 => ("saga_too_old", good().with(|p| p.with_correlation_id(OLD.into()))),
            17 => ("wrong_correlation_id", good().with(|p| p.with_correlation_id("7".into()))),
            18 => ("no_correlation_id", good().with(|p| p.with_correlation_id("".into()))),
            19 => {
                let many = (0..70).map(|at| (format!("h{at}"), AMQPValue::Boolean(true)));
                let draft = many.fold(good(), |draft, (name, value)| draft.header(&name, value));
                ("headers_too_big", draft)
            }
            20 => ("headers_too_big", good().header("h", text("x".repeat(40_000)))),
            21 => {
                let many = [text("hotel"), text("hotel.hotel_renamed.v1"), text("retry.5s")];
                let draft = good().header("CC", list(many));
                ("carbon_copy", draft.header("x-death", death(dice)))
            }
            22 => {
                // Through the exchange it would reach the journal, which closes the connection.
                ("unkept_header", good().straight().header("price", decimal()))
            }
            23 => ("unkept_header", good().straight().header("x-basic-type", odd())),
            24 => ("wrong_shape", good().body(r#"{"city":["Rome"]}"#)),
            25 => {
                ("saga_too_old", good().with(|p| p.with_correlation_id(short(&self.old(number)))))
            }
            26 => {
                let old = self.id_before(number, 7 * DAY + NEARLY).to_string();
                ("too_old_to_deduplicate", good().with(|p| p.with_message_id(short(&old))))
            }
            27 | 28 => {
                let odd =
                    dice.pick(&[Property::Type, Property::MessageId, Property::CorrelationId]);
                let bytes = [b"caf\xe9".to_vec(), vec![0xff; 200], vec![0xc3]];
                let bytes = bytes[dice.index(bytes.len())].clone();
                let message = good().straight().message(
                    number,
                    MessageId(self.id(number)),
                    MessageFate::Dead("unreadable_properties"),
                );
                return FloodMessage { raw: Some((odd, bytes)), ..message };
            }
            _ => {
                let kind = "application/cloudevents+json";
                ("not_a_cloud_event", good().with(|p| p.with_content_type(kind.into())))
            }
        };
        draft.message(number, MessageId(self.id(number)), MessageFate::Dead(reason))
    }

    fn old(&self, number: u64) -> String {
        self.id_before(number, 130 * DAY).to_string()
    }

    fn random(&self, number: u64, dice: &mut Dice) -> FloodMessage {
        let in_saga = dice.roll(2) == 0;
        let mut draft = self.draft(number, in_saga);
        if dice.roll(3) == 0 {
            let event = self.cloud(number, &draft);
            let kind = "application/cloudevents+json";
            draft = draft.with(|p| p.with_content_type(kind.into())).body(event);
        }
        if dice.roll(3) == 0 {
            draft = draft.packed();
        }
        for _ in 0..dice.roll(3) {
            let at = dice.index(draft.body.len());
            match dice.roll(4) {
                0 => draft.body.truncate(at),
                1 => draft.body.insert(at, dice.byte()),
                _ => {
                    if let Some(byte) = draft.body.get_mut(at) {
                        *byte = dice.byte();
                    }
                }
            }
        }
        let word = short(&dice.text());
        draft = match dice.roll(14) {
            0 => draft.with(|p| p.with_type(word)),
            1 => draft.with(|p| p.with_app_id(word)),
            2 => draft.with(|p| p.with_content_type(word)),
            3 => draft.with(|p| p.with_content_encoding(word)),
            4 => draft.with(|p| p.with_correlation_id(word)),
            5 => draft.with(|p| p.with_reply_to(word)),
            6 => draft.straight().with(|p| p.with_type(word)),
            7 | 8 => {
                // The largest ids and the smallest; each saga has one trip.
                let number = u128::from(number);
                let number = if dice.roll(2) == 0 { u128::MAX - number } else { number };
                let saga = Uuid::from_u128(number).to_string();
                draft.with(|p| p.with_correlation_id(short(&saga)))
            }
            _ => draft,
        };
        for _ in 0..dice.roll(3) {
            let names =
                ["traceparent", "causation_id", "ce-type", "ce-id", "x-attempts", "x-death"];
            let name = if dice.roll(2) == 0 { dice.pick(&names).to_owned() } else { dice.text() };
            let value = value(dice, 0);
            draft.headers.insert(short(&name), value);
        }
        draft.message(number, MessageId(self.id(number)), MessageFate::Random)
    }
}
