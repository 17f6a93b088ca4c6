//! The frame of all pages.

use maud::{DOCTYPE, Markup, html};

use crate::access::role::Role;

#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) role: Role,
}

impl Person {
    pub(crate) fn is_operator(&self) -> bool {
        self.role == Role::Operator
    }
}

#[derive(Debug)]
pub(crate) struct PageFrame<'a> {
    pub(crate) system: &'static str,
    pub(crate) person: Option<&'a Person>,
    pub(crate) trouble: Option<String>,
}

const PAGES: [(&str, &str); 8] = [
    ("/", "Now"),
    ("/sagas", "Sagas"),
    ("/dead-letters", "Dead letters"),
    ("/events", "Events"),
    ("/tail", "Tail"),
    ("/services", "Services"),
    ("/coverage", "Coverage"),
    ("/actions", "Actions"),
];

/// `at` is the address in the menu.
pub(crate) fn page(frame: &PageFrame<'_>, at: &str, title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · " (frame.system) }
                link rel="stylesheet" href="/console.css";
                link rel="icon" href="/console.svg" type="image/svg+xml";
                script src="/console.js" defer {}
            }
            body.(frame.person.map_or("", |person| person.role.as_str())) {
                a.skip href="#main" { "To the content" }
                header.top {
                    a.brand href="/" { img src="/console.svg" alt="" width="26" height="26"; span { (frame.system) } }
                    @if let Some(person) = frame.person {
                        nav aria-label="Pages" {
                            @for (address, name) in PAGES {
                                a href=(address) aria-current=[(address == at).then_some("page")] { (name) }
                            }
                        }
                        form.who method="post" action="/logout" {
                            span title=(person.role.as_str()) { (person.name) }
                            button.plain type="submit" { "Log out" }
                        }
                    }
                }
                @if let Some(trouble) = &frame.trouble {
                    p.trouble role="status" {
                        strong { "The journal is not followed. " }
                        "What is shown is as old as the last entry. " (trouble)
                    }
                }
                main #main { (content) }
            }
        }
    }
}

pub(crate) fn message(frame: &PageFrame<'_>, title: &str, text: &str) -> Markup {
    let content = html! {
        h1 { (title) }
        p dir="auto" { (text) }
        p { a href="/" { "To what happens now" } }
    };
    page(frame, "", title, &content)
}
