//! Enums whose values each have one name for machines, which is what they display as.

macro_rules! named {
    ($(#[$meta:meta])* pub enum $named:ident, $name:ident $($(#[$doc:meta])* $value:ident = $text:literal,)*) => {
        $(#[$meta])*
        pub enum $named { $($(#[$doc])* $value,)* }

        impl $named {
            /// All values, in order.
            pub const ALL: &[Self] = &[$(Self::$value,)*];

            /// Returns what machines know it by.
            #[must_use]
            pub const fn $name(self) -> &'static str {
                match self { $(Self::$value => $text,)* }
            }
        }

        impl std::fmt::Display for $named {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.$name())
            }
        }
    };
}

pub(crate) use named;
