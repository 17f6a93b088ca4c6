//! Values that are about a person.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// The keyword of a schema that says that a value is about a person.
pub const PERSONAL: &str = "x-personal";
/// The keyword of a schema that says why an event has to have such a value.
pub const PERSONAL_REASON: &str = "x-personal-reason";

/// A value that is about a person, such as a name or an address. It is written and read as the
/// value itself, its schema says that it is personal, and `Debug` shows only that there is one.
///
/// Events are kept in the journal, in ledgers, in dead letters, and by whoever has recorded them.
/// So what is to be erased one day is no field of an event. The event has the id, and the one
/// service that has the person's data erases it. `ballet check` refuses a personal field of an
/// event, unless its schema says why it has to be there:
///
/// ```
/// use ballet_core::personal::Personal;
/// # use schemars::JsonSchema;
/// # use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, Serialize, Deserialize, JsonSchema)]
/// struct ParcelHandedOver {
///     #[schemars(extend("x-personal-reason" = "the carrier delivers to this person"))]
///     recipient: Personal<String>,
/// }
///
/// let parcel = ParcelHandedOver { recipient: Personal("Ada Lovelace".to_owned()) };
/// assert_eq!(serde_json::to_string(&parcel)?, r#"{"recipient":"Ada Lovelace"}"#);
/// assert_eq!(format!("{parcel:?}"), "ParcelHandedOver { recipient: *** }");
/// # Ok::<_, serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Personal<T>(pub T);

impl<T> Personal<T> {
    /// Returns the value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Personal<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<T: JsonSchema> JsonSchema for Personal<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Personal_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = generator.subschema_for::<T>();
        schema.insert(PERSONAL.to_owned(), true.into());
        schema
    }
}
