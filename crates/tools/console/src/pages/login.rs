//! The login page.

use maud::{Markup, html};

use crate::pages::layout::{PageFrame, page};

/// `next` is the requested address.
pub(crate) fn login(frame: &PageFrame<'_>, next: &str, wrong: Option<&str>) -> Markup {
    let content = html! {
        form.login method="post" action="/login" {
            h1 { "Log in" }
            @if let Some(wrong) = wrong { p.wrong role="alert" { (wrong) } }
            input type="hidden" name="next" value=(next);
            label { "Name" input name="name" autocomplete="username" autocapitalize="none" required autofocus; }
            label { "Password" input name="password" type="password" autocomplete="current-password" required; }
            button type="submit" { "Log in" }
            p.quiet { "An account is made with " code { "ballet console account" } "." }
        }
    };
    page(frame, "/login", "Log in", &content)
}
