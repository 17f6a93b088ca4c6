//! Enums without fields, stored as text in tables.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde::de::value::{Error as NotText, StrDeserializer};
use serde_json::Value;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueRef};
use sqlx::{Decode, Encode, Postgres, Type};

/// Stores a value that serde serializes as a string in a column of type `text`. An enum thus
/// defines its names once, for JSON and for tables.
///
/// ```
/// use ballet::TextEnum;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// #[serde(rename_all = "snake_case")]
/// enum Status {
///     Placed,
///     Cancelled,
/// }
///
/// let query = sqlx::query("update seat set status = $1").bind(TextEnum(Status::Cancelled));
/// # drop(query);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextEnum<T>(pub T);

impl<T> Type<Postgres> for TextEnum<T> {
    fn type_info() -> PgTypeInfo {
        <str as Type<Postgres>>::type_info()
    }

    fn compatible(ty: &PgTypeInfo) -> bool {
        <str as Type<Postgres>>::compatible(ty)
    }
}

impl<T> PgHasArrayType for TextEnum<T> {
    fn array_type_info() -> PgTypeInfo {
        <&str as PgHasArrayType>::array_type_info()
    }
}

impl<T: Serialize> Encode<'_, Postgres> for TextEnum<T> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        match serde_json::to_value(&self.0)? {
            Value::String(text) => <String as Encode<'_, Postgres>>::encode(text, buffer),
            other => Err(format!(
                "{other} is not a string: only enums without fields can be stored as text"
            )
            .into()),
        }
    }
}

impl<'r, T: DeserializeOwned> Decode<'r, Postgres> for TextEnum<T> {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        let text = <&str as Decode<'r, Postgres>>::decode(value)?;
        Ok(Self(T::deserialize(StrDeserializer::<NotText>::new(text))?))
    }
}
