//! A macro that declares the events of a test in one line each.

/// Declares events: `Paid = "bank.paid.v1" { amount: i64 }`. An event without a kind before its name belongs to a
/// saga; one without fields is empty.
///
/// The calling crate needs `ballet`, `serde` and `schemars` as dependencies.
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
