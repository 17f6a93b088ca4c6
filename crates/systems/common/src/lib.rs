//! What the systems share: [values], [pages](paging) of lists, [search], times in [rows], calls to [other
//! companies](outside), and a [processor of cards](cards).

#![warn(missing_docs)]

#[cfg(feature = "services")]
pub mod cards;
#[cfg(feature = "services")]
pub mod outside;
pub mod paging;
#[cfg(feature = "services")]
pub mod rows;
pub mod search;
pub mod values;
