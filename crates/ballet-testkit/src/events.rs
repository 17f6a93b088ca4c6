//! Events of tests, declared in a line each.

/// Declares events: `Paid = "bank.paid.v1" { amount: i64 }`. Without a kind before its name an event is
/// one in a saga, and without fields it is empty.
///
/// The crate has to know `ballet`, `serde` and `schemars`.
#[doc(hidden)]
#[macro_export]
macro_rules! events {
    (@type $text:literal) => { ::ballet::EventType::in_saga($text) };
    (@type $kind:ident $text:literal) => { ::ballet::EventType::$kind($text) };
    ($($(#[$attribute:meta])* $name:ident = $($kind:ident)? $text:literal
        $({ $($field:ident: $type:ty),* $(,)? })?)+) => {$(
        $(#[$attribute])*
        #[derive(
            Debug, Clone, PartialEq, ::serde::Serialize, ::serde::Deserialize, ::schemars::JsonSchema,
        )]
        pub(crate) struct $name { $($(pub(crate) $field: $type),*)? }

        impl ::ballet::Event for $name {
            const TYPE: ::ballet::EventType = $crate::events!(@type $($kind)? $text);
        }
    )+};
}
