//! Handlers whose signature describes them.

use crate::openapi::answers::Answers;
use crate::openapi::draft::Draft;
use crate::openapi::takes::Takes;

/// A handler whose signature describes its route: each argument is [`Takes`], and the result is
/// [`Answers`].
#[diagnostic::on_unimplemented(
    message = "the signature of this handler does not describe its route",
    note = "each argument must implement `Takes`, and the result `Answers`"
)]
pub trait DescribedHandler<Signature> {
    /// Adds the description that the signature gives.
    fn describe(draft: &mut Draft<'_>);
}

macro_rules! described {
    ($($argument:ident)*) => {
        impl<Handler, Work, $($argument),*> DescribedHandler<($($argument,)*)> for Handler
        where
            Handler: FnOnce($($argument),*) -> Work,
            Work: Future<Output: Answers>,
            $($argument: Takes,)*
        {
            fn describe(draft: &mut Draft<'_>) {
                $($argument::describe(draft);)*
                Work::Output::describe(draft);
            }
        }
    };
}

described!();
described!(A);
described!(A B);
described!(A B C);
described!(A B C D);
described!(A B C D E);
described!(A B C D E F);
