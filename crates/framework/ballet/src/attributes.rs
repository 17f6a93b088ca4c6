//! The attributes, as `ballet-macros` expands them.

/// Makes a struct or an enum an [`Event`](crate::Event). See [`core::event`](macro@crate::core::event).
pub use ballet_macros::event;

/// Makes a struct [`Telemetry`](crate::Telemetry). See [`core::telemetry`](macro@crate::core::telemetry).
pub use ballet_macros::telemetry;

/// Makes a struct an [`Entity`](crate::Entity). See [`core::entity`](macro@crate::core::entity).
pub use ballet_macros::entity;

/// Makes a unit struct a [`Saga`](crate::Saga). See [`core::saga`](macro@crate::core::saga).
pub use ballet_macros::saga;

/// Gives a type that stands in events their derives. See [`core::value`](macro@crate::core::value).
pub use ballet_macros::value;
