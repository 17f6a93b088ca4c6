//! Values of headers of every kind, at random.

use ballet_amqp::{AMQPValue, FieldArray, FieldTable, ShortString};
use lapin::types::DecimalValue;

pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    pub(super) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.roll(length.max(1) as u64)).unwrap()
    }

    pub(super) fn byte(&mut self) -> u8 {
        u8::try_from(self.roll(256)).unwrap()
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())]
    }

    pub(super) fn text(&mut self) -> String {
        let length = self.index(60);
        (0..length).filter_map(|_| char::from_u32(u32::try_from(self.roll(0x3000)).ok()?)).collect()
    }
}

pub(super) fn text(text: impl Into<String>) -> AMQPValue {
    AMQPValue::LongString(text.into().into())
}

pub(super) fn short(text: &str) -> ShortString {
    ShortString::try_new(text).unwrap_or_default()
}

pub(super) fn list<const N: usize>(values: [AMQPValue; N]) -> AMQPValue {
    AMQPValue::FieldArray(Vec::from(values).into())
}

pub(super) fn decimal() -> AMQPValue {
    AMQPValue::DecimalValue(DecimalValue { scale: 2, value: 1234 })
}

/// Makes what nobody expects under a name of the broker.
pub(super) fn odd() -> AMQPValue {
    AMQPValue::LongLongInt(i64::MIN)
}

/// Makes a record of deaths as no broker writes it.
pub(super) fn death(dice: &mut Dice) -> AMQPValue {
    let mut table = FieldTable::default();
    for name in ["queue", "reason", "count", "exchange", "time", "routing-keys"] {
        if dice.roll(2) == 0 {
            table.insert(name.into(), value(dice, 3));
        }
    }
    match dice.roll(3) {
        0 => value(dice, 0),
        1 => list([AMQPValue::FieldTable(table)]),
        _ => list([value(dice, 3), AMQPValue::FieldTable(table)]),
    }
}

/// Makes any kind but a decimal, which the journal does not take.
pub(super) fn value(dice: &mut Dice, depth: u32) -> AMQPValue {
    match dice.roll(if depth < 4 { 16 } else { 14 }) {
        9 => AMQPValue::ShortShortInt(-1),
        10 => AMQPValue::ShortShortUInt(255),
        11 => AMQPValue::ShortInt(i16::MIN),
        12 => AMQPValue::ShortUInt(u16::MAX),
        13 => AMQPValue::LongUInt(u32::MAX),
        8 => AMQPValue::LongInt(i32::MIN),
        7 => AMQPValue::Float(f32::MAX),
        0 => AMQPValue::LongLongInt(-1),
        1 => AMQPValue::Boolean(false),
        2 => AMQPValue::Double(-1.5e300),
        3 => AMQPValue::Timestamp(u64::MAX),
        4 => AMQPValue::Void,
        5 => AMQPValue::ByteArray(vec![dice.byte(); 9].into()),
        6 => text(dice.text()),
        14 => {
            let mut list = FieldArray::default();
            for _ in 0..dice.roll(4) {
                list.push(value(dice, depth + 1));
            }
            AMQPValue::FieldArray(list)
        }
        _ => {
            let mut table = FieldTable::default();
            for _ in 0..dice.roll(4) {
                let name = dice.text();
                table.insert(short(&name), value(dice, depth + 1));
            }
            AMQPValue::FieldTable(table)
        }
    }
}
