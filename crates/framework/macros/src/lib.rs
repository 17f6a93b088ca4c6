//! The attributes of ballet. They are re-exported, and described, by `ballet` and `ballet-core`, whose paths they print:
//! a crate of events depends on `ballet-core` alone, a service on `ballet`. So each stands here twice.

mod crates;
mod derives;
mod entity;
mod event;
mod keys;
mod saga;
mod service;
mod telemetry;
mod words;

use proc_macro::TokenStream;
use syn::{Item, parse_macro_input};

use crate::crates::Crates;

macro_rules! attributes {
    ($($of_core:ident $of_ballet:ident $expand:path;)*) => {$(
        #[doc(hidden)]
        #[proc_macro_attribute]
        pub fn $of_core(words: TokenStream, item: TokenStream) -> TokenStream {
            $expand(words.into(), &parse_macro_input!(item as Item), &Crates::core()).into()
        }

        #[doc(hidden)]
        #[proc_macro_attribute]
        pub fn $of_ballet(words: TokenStream, item: TokenStream) -> TokenStream {
            $expand(words.into(), &parse_macro_input!(item as Item), &Crates::ballet()).into()
        }
    )*};
}

attributes! {
    core_event event event::expand;
    core_telemetry telemetry telemetry::expand;
    core_entity entity entity::expand;
    core_saga saga saga::expand;
    core_value value derives::expand_value;
}

#[doc(hidden)]
#[proc_macro_attribute]
pub fn service(words: TokenStream, item: TokenStream) -> TokenStream {
    service::expand::expand(words.into(), &item.into()).into()
}
