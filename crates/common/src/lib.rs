//! What the systems share: [values] of events and requests, [pages](paging) of lists, [search], calls to
//! [other companies](outside), and a [processor of cards](cards).

#![warn(missing_docs)]

#[cfg(feature = "calls")]
pub mod cards;
#[cfg(feature = "calls")]
pub mod outside;
pub mod paging;
pub mod search;
pub mod values;
