//! Decodes JSON into types whose fields have names.
//!
//! serde's structs can also be read from an array, field by field in the order of their declaration.
//! An event that was read so would change its meaning when a release reorders the fields. Here a
//! struct is read from an object only, on every level.

mod by_name;
mod words;

use serde::de::{DeserializeOwned, Deserializer, Error, IgnoredAny};

use crate::json::by_name::ByName;

pub use crate::json::words::{in_words, syntax_in_words, wanted_in_words};

/// Decodes JSON. Structs are read from objects only.
///
/// # Errors
///
/// The text is not JSON, or does not have the type's shape. Then the error says where, and what is
/// wanted there.
pub fn from_slice<T: DeserializeOwned>(json: &[u8]) -> Result<T, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = T::deserialize(ByName::<_>(&mut deserializer))
        .map_err(|error| explain::<T>(json, error))?;
    deserializer.end()?;
    Ok(value)
}

/// Reads structs from objects only, and only those without fields that the struct does not have. A
/// request is read so: a misspelt field would change what it asks for. An event is not, because a later
/// release may add fields to it.
pub fn whole<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> impl Deserializer<'de, Error = D::Error> {
    ByName::<_, true>(deserializer)
}

/// Reads structs from objects only, and ignores fields that the struct does not have: who sends this may add some at
/// any time.
pub fn open<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> impl Deserializer<'de, Error = D::Error> {
    ByName::<_>(deserializer)
}

/// Reads a text of another shape once more, and keeps track of the place.
#[cold]
fn explain<T: DeserializeOwned>(json: &[u8], error: serde_json::Error) -> serde_json::Error {
    // A number in place of an enum is JSON, but serde_json calls it a mistake in the syntax.
    if !error.is_data() && serde_json::from_slice::<IgnoredAny>(json).is_err() {
        return error;
    }
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let Err(found) = serde_path_to_error::deserialize::<_, T>(ByName::<_>(&mut deserializer))
    else {
        return error;
    };
    let (place, what) = (found.path().to_string(), found.inner().to_string());
    serde_json::Error::custom(words::at(&place, &what))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};
    use serde_json::value::RawValue;

    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Point {
        x: i32,
        y: Option<f32>,
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Id(u64);

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    enum Shape {
        Nothing,
        Dot(Point),
        Line(Point, Point),
        Named { name: String, points: Vec<Point> },
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Drawing {
        id: Id,
        size: (u8, u8),
        shapes: Vec<Shape>,
        by_name: std::collections::BTreeMap<String, Point>,
        first: Option<Point>,
    }

    #[test]
    fn what_is_read_whole_has_no_other_fields_on_any_level() {
        let read = |json: &str| {
            let mut deserializer = serde_json::Deserializer::from_str(json);
            let read = serde_path_to_error::deserialize(whole(&mut deserializer));
            let read: Result<Vec<Shape>, _> = read;
            read.map_err(|error| (error.path().to_string(), error.into_inner().to_string()))
        };
        for fine in [r#"["Nothing"]"#, r#"[{"Dot":{"x":1,"y":null}}]"#] {
            assert!(read(fine).is_ok(), "{fine}");
        }
        for (json, place) in [
            (r#"[{"Dot":{"x":1,"y":2,"z":[3]}}]"#, "[0].Dot.z"),
            (r#"[{"Named":{"name":"a","points":[{"x":1,"why":{}}]}}]"#, "[0].Named.points[0].why"),
        ] {
            let (found, what) = read(json).expect_err(json);
            assert_eq!(found, place);
            assert!(what.contains("there is no such field"), "{what}");
        }
        let (_, what) = read(r#"[{"Dot":{"x":1,"x":2}}]"#).expect_err("twice");
        assert!(what.contains("duplicate field"), "{what}");
        let (_, what) = read(r#"[{"Dot":[1,2]}]"#).expect_err("an array");
        assert!(what.contains("as an object"), "{what}");
    }

    #[test]
    fn a_struct_is_no_array_on_any_level() {
        for json in [r#"[1,2]"#, r#"[{"x":1,"y":2}]"#, r#" [ ] "#] {
            let error = from_slice::<Point>(json.as_bytes()).unwrap_err();
            assert!(error.is_data(), "{json}: {error}");
        }
        let told = from_slice::<Point>(b"[1,2]").unwrap_err().to_string();
        assert_eq!(told, "an object is wanted, but there is an array");
        for json in [
            r#"{"Dot":[1,2]}"#,
            r#"{"Line":[[1,2],[3,4]]}"#,
            r#"{"Named":["a",[]]}"#,
            r#"{"Named":{"name":"a","points":[[1,2]]}}"#,
        ] {
            assert!(serde_json::from_str::<Shape>(json).is_ok(), "{json}");
            assert!(from_slice::<Shape>(json.as_bytes()).is_err(), "{json}");
        }
        assert!(from_slice::<Option<Point>>(b"[1,2]").is_err());
        assert!(
            from_slice::<std::collections::BTreeMap<String, Point>>(br#"{"a":[1,2]}"#).is_err()
        );
    }

    #[test]
    fn what_has_another_shape_is_told_with_its_place() {
        let drawing = |shapes: &str, rest: &str| {
            let json = format!(r#"{{"id":1,"size":[1,2],"shapes":[{shapes}]{rest}}}"#);
            from_slice::<Drawing>(json.as_bytes()).unwrap_err().to_string()
        };
        let named = r#"{"Named":{"name":"a","points":[{"x":1},{"x":"two"}]}}"#;
        for (shapes, rest, told) in [
            ("", "", "by_name: it is missing"),
            (
                named,
                "",
                "shapes[0].Named.points[1].x: a whole number from -2147483648 to 2147483647 is \
                 wanted, but there is a string",
            ),
            (r#""Circle""#, "", "shapes[0]: it is none of `Nothing`, `Dot`, `Line`, `Named`"),
            ("7", "", "shapes[0]: a string, or an object with one field, is wanted"),
            ("", r#","by_name":{"a":{}}"#, "by_name.a.x: it is missing"),
            ("", r#","by_name":[]"#, "by_name: an object is wanted, but there is an array"),
            ("", r#","id":2"#, "id: it is there twice"),
        ] {
            assert_eq!(drawing(shapes, rest), told);
        }
        let error = from_slice::<Drawing>(b"7").unwrap_err();
        assert!(error.is_data());
        assert_eq!(error.to_string(), "an object is wanted, but there is a whole number");
    }

    #[test]
    fn the_rest_is_read_as_ever() {
        assert!(from_slice::<Point>(br#"{"x":1} {}"#).unwrap_err().is_syntax());
        assert!(from_slice::<Point>(br#"{"x":1"#).unwrap_err().is_eof());
        let raw: Box<RawValue> = from_slice(b" [1,{}] ").unwrap();
        assert_eq!(raw.get(), "[1,{}]");
        let value: serde_json::Value = from_slice(b"[[1],{\"a\":[2]}]").unwrap();
        assert_eq!(value, serde_json::json!([[1], { "a": [2] }]));
    }

    fn point() -> impl Strategy<Value = Point> {
        (any::<i32>(), prop::option::of(-1e6_f32..1e6)).prop_map(|(x, y)| Point { x, y })
    }

    fn shape() -> impl Strategy<Value = Shape> {
        prop_oneof![
            Just(Shape::Nothing),
            point().prop_map(Shape::Dot),
            (point(), point()).prop_map(|(a, b)| Shape::Line(a, b)),
            (any::<String>(), prop::collection::vec(point(), 0..3))
                .prop_map(|(name, points)| Shape::Named { name, points }),
        ]
    }

    proptest! {
        #[test]
        fn what_serde_json_writes_is_read(
            id: u64,
            size: (u8, u8),
            shapes in prop::collection::vec(shape(), 0..4),
            by_name in prop::collection::btree_map(any::<String>(), point(), 0..3),
            first in prop::option::of(point()),
        ) {
            let drawing = Drawing { id: Id(id), size, shapes, by_name, first };
            let json = serde_json::to_vec(&drawing).unwrap();
            prop_assert_eq!(from_slice::<Drawing>(&json).unwrap(), drawing);
        }
    }
}
