//! Encodes values and events as JSON that reads back as the same values.

use std::fmt::{self, Display};

use ballet_core::Event;
use ballet_store::ledger::event::EncodedEvent;
use serde::ser::{
    self, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use crate::declare::handler::failure::Failure;

/// Encodes a value.
///
/// `serde_json` writes `null` for a number that JSON does not have. It would be read back as nothing,
/// or not at all, when the step has long been done.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, String> {
    let json = serde_json::to_vec(value).map_err(|error| error.to_string())?;
    if json.windows(4).any(|bytes| bytes == b"null") {
        value.serialize(FiniteCheck).map_err(|error| error.to_string())?;
    }
    Ok(json)
}

/// Goes through a value, writes nothing, and fails at the first number that is not finite.
#[derive(Debug, Clone, Copy)]
struct FiniteCheck;

/// The place of a number that is not finite, or the reason why a value cannot be serialized.
#[derive(Debug)]
struct NotFinite {
    /// The fields that lead to it.
    path: String,
    what: String,
}

impl NotFinite {
    fn within(self, field: &str) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self { path: format!("{field}{dot}{}", self.path), what: self.what }
    }
}

impl Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => write!(f, "it {}", self.what),
            path => write!(f, "`{path}` {}", self.what),
        }
    }
}

impl std::error::Error for NotFinite {}

impl ser::Error for NotFinite {
    fn custom<T: Display>(why: T) -> Self {
        Self { path: String::new(), what: format!("cannot be serialized: {why}") }
    }
}

type Checked = Result<(), NotFinite>;

fn check(number: f64) -> Checked {
    if number.is_finite() {
        return Ok(());
    }
    let what = format!("is {number}, which JSON does not have: leave it out, or refuse");
    Err(NotFinite { path: String::new(), what })
}

macro_rules! nothing_to_check {
    ($($method:ident($type:ty))+) => {$(
        fn $method(self, _: $type) -> Checked {
            Ok(())
        }
    )+};
}

impl Serializer for FiniteCheck {
    type Ok = ();
    type Error = NotFinite;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    nothing_to_check! {
        serialize_bool(bool) serialize_i8(i8) serialize_i16(i16) serialize_i32(i32)
        serialize_i64(i64) serialize_i128(i128) serialize_u8(u8) serialize_u16(u16)
        serialize_u32(u32) serialize_u64(u64) serialize_u128(u128) serialize_char(char)
        serialize_str(&str) serialize_bytes(&[u8]) serialize_unit_struct(&'static str)
    }

    fn serialize_f32(self, number: f32) -> Checked {
        check(number.into())
    }

    fn serialize_f64(self, number: f64) -> Checked {
        check(number)
    }

    fn serialize_none(self) -> Checked {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Checked {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Checked {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Checked {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Checked {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Checked {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, NotFinite> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, NotFinite> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, NotFinite> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, NotFinite> {
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, NotFinite> {
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, NotFinite> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, NotFinite> {
        Ok(self)
    }

    fn collect_str<T: Display + ?Sized>(self, _: &T) -> Checked {
        Ok(())
    }
}

macro_rules! elements {
    ($($of:ident::$method:ident)+) => {$(
        impl $of for FiniteCheck {
            type Ok = ();
            type Error = NotFinite;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Checked {
                value.serialize(*self)
            }

            fn end(self) -> Checked {
                Ok(())
            }
        }
    )+};
}

elements! {
    SerializeSeq::serialize_element
    SerializeTuple::serialize_element
    SerializeTupleStruct::serialize_field
    SerializeTupleVariant::serialize_field
}

macro_rules! fields {
    ($($of:ident)+) => {$(
        impl $of for FiniteCheck {
            type Ok = ();
            type Error = NotFinite;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                field: &'static str,
                value: &T,
            ) -> Checked {
                value.serialize(*self).map_err(|error| error.within(field))
            }

            fn end(self) -> Checked {
                Ok(())
            }
        }
    )+};
}

fields! { SerializeStruct SerializeStructVariant }

impl SerializeMap for FiniteCheck {
    type Ok = ();
    type Error = NotFinite;

    /// A key that is a number is text in JSON, and `serde_json` checks it.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, _: &T) -> Checked {
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Checked {
        value.serialize(*self)
    }

    fn end(self) -> Checked {
        Ok(())
    }
}

/// Encodes an event.
pub(crate) fn encoded<E: Event>(event: &E) -> Result<EncodedEvent, Failure> {
    let body = encode(event)
        .map_err(|why| Failure::permanent(format!("{} cannot be encoded: {why}", E::TYPE)))?;
    Ok(EncodedEvent { event_type: E::TYPE, body: body.into() })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(serde::Serialize)]
    struct Place {
        name: Option<&'static str>,
        at: Option<(f32, f64)>,
        of: BTreeMap<&'static str, Kind>,
    }

    #[derive(serde::Serialize)]
    enum Kind {
        Plain,
        Measured { height: f64 },
        Pair(f64, f64),
        One(f32),
    }

    fn place(at: Option<(f32, f64)>, kind: Kind) -> Place {
        Place { name: None, at, of: BTreeMap::from([("kind", kind)]) }
    }

    #[test]
    fn numbers_that_json_does_not_have_are_found_wherever_they_are() {
        let refused = |value| encode(&value).expect_err("refused");
        let why = "which JSON does not have: leave it out, or refuse";
        let found = refused(place(Some((f32::NAN, 1.0)), Kind::Plain));
        assert_eq!(found, format!("`at` is NaN, {why}"));
        let found = refused(place(None, Kind::Measured { height: f64::INFINITY }));
        assert_eq!(found, format!("`of.height` is inf, {why}"));
        let found = refused(place(None, Kind::Pair(0.0, f64::NEG_INFINITY)));
        assert_eq!(found, format!("`of` is -inf, {why}"));
        assert_eq!(encode(&vec![f64::NAN]), Err(format!("it is NaN, {why}")));
        assert!(refused(place(None, Kind::One(f32::INFINITY))).contains("`of` is inf"));
    }

    #[test]
    fn nothing_is_no_number() {
        let json = encode(&place(None, Kind::Measured { height: -0.0 })).expect("encoded");
        let expected = r#"{"name":null,"at":null,"of":{"kind":{"Measured":{"height":-0.0}}}}"#;
        assert_eq!(String::from_utf8(json).expect("text"), expected);
        encode(&("null", 1_u128, [0_i8; 3], ())).expect("encoded");
    }
}
