//! The pages, and what is around each.

mod account;
mod device;
mod fleet;
mod journal;
mod officers;
mod orders;
mod own;
mod policy;
mod sources;
mod sums;

use crate::gate::{Page, Roles};
use crate::session::Who;
use beatcheck_hub::ConsoleRole::{self, Administrator, Auditor, DataOwner, Ethics};
use beatcheck_model::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};

const EVERYBODY: Roles = &ConsoleRole::ALL;

/// In the menu's order: path, title, function, who may.
const PAGES: &[(&str, &str, Page, Roles)] = &[
    ("/fleet", "Fleet", fleet::page, &[Administrator]),
    ("/officers", "Officers", officers::page, &[Administrator]),
    ("/orders", "Orders", orders::page, &[Administrator]),
    ("/policy", "Policy", policy::page, &[Administrator]),
    ("/sources", "Sources", sources::page, &[Administrator, DataOwner]),
    ("/journal", "Journal", journal::page, &[Auditor]),
    ("/sums", "Sums", sums::page, &[Ethics, Auditor]),
    ("/log", "Console log", own::log, &[Administrator, Auditor]),
    ("/account", "", own::account, EVERYBODY),
    ("/device", "", device::page, &[Administrator]),
    ("/journal/export", "", journal::export, &[Auditor]),
    ("/journal/answer", "", account::answer, &[Auditor]),
    ("/journal/chains", "", account::chains, &[Auditor]),
    ("/journal/looks", "", account::looks, &[Auditor]),
];

/// The page of a path, and who may open it.
pub(crate) fn find(path: &str) -> Option<(Page, Roles)> {
    PAGES.iter().find(|(p, ..)| *p == path).map(|(_, _, page, roles)| (*page, *roles))
}

/// Where a role begins.
pub(crate) fn home(role: ConsoleRole) -> &'static str {
    PAGES.iter().find(|(.., roles)| roles.contains(&role)).map_or("/account", |(path, ..)| *path)
}

fn shell(title: &str, inner: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en-GB" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Beatcheck" }
                link rel="stylesheet" href="/console.css";
                link rel="icon" href="/icon.svg" type="image/svg+xml";
                script src="/console.js" defer {}
            }
            body { (inner) }
        }
    }
}

/// A page with the menu; `here` is its path in the menu.
pub(crate) fn frame(who: &Who, here: &str, title: &str, inner: &Markup) -> Markup {
    shell(
        title,
        &html! {
            a.skip href="#main" { "Skip to the page" }
            header.top { div.in {
                span.name { "Beatcheck" small { "Console" } }
                div.me {
                    span.who { (who.account) " · " (who.role.name().replace('_', " ")) }
                    a href="/account" { "Account" }
                    form method="post" action="/logout" { (csrf(who)) button { "Log out" } }
                }
                nav.main aria-label="Main" { ul {
                    @for (path, name, _, roles) in PAGES {
                        @if !name.is_empty() && roles.contains(&who.role) {
                            li { a href=(path) aria-current=[(*path == here).then_some("page")] { (name) } }
                        }
                    }
                } }
            } }
            main #main tabindex="-1" { (inner) }
        },
    )
}

pub(crate) fn csrf(who: &Who) -> Markup {
    html! { input type="hidden" name="csrf" value=(who.csrf); }
}

/// A page that only says something.
pub(crate) fn message(who: &Who, title: &str, text: &str) -> Markup {
    frame(who, "", title, &html! { h1 { (title) } p.say.warn role="alert" { (text) } })
}

/// The same for somebody unknown.
pub(crate) fn bare(text: &str) -> Markup {
    shell(
        "Console",
        &html! { main.login { div.card { h1 { "Beatcheck" } p { (text) } p { a href="/" { "Go on" } } } } },
    )
}

/// The login; `text` says what was wrong before.
pub(crate) fn login(token: &str, text: &str) -> Markup {
    shell(
        "Log in",
        &html! {
            main.login { div.card {
                h1 { "Beatcheck" }
                p.lead { "Console of this hub. What you look at is noted." }
                @if !text.is_empty() { p.say.bad role="alert" { (text) } }
                form method="post" action="/login" {
                    input type="hidden" name="csrf" value=(token);
                    div { label for="name" { "Name" } input #name name="name" autocomplete="username" required autofocus maxlength="64"; }
                    div { label for="password" { "Password" }
                        input #password name="password" type="password" autocomplete="current-password" required maxlength="256"; }
                    button { "Log in" }
                }
            } }
        },
    )
}

/// How long ago, in words, with the time itself beside it.
pub(crate) fn ago(at: Option<Timestamp>, now: Timestamp) -> Markup {
    let Some(at) = at else { return html! { span.soft { "never" } } };
    let s = now.secs_since(at).max(0);
    let text = match s {
        0..=89 => "just now".to_owned(),
        90..=5_399 => format!("{} min ago", (s + 30) / 60),
        5_400..=172_799 => format!("{} h ago", (s + 1_800) / 3_600),
        _ => format!("{} days ago", s / 86_400),
    };
    html! { time datetime=(at) title=(at) { (text) } }
}

/// The time itself, short.
pub(crate) fn when(at: Timestamp) -> Markup {
    let text = at.to_string();
    let short = text.get(..16).unwrap_or(&text).replace('T', " ");
    html! { time datetime=(text) title=(text) { (short) } }
}

/// Links to the pages before and after this one; `address` ends so that a number can follow.
pub(crate) fn pager(address: &str, offset: u64, shown: u64, total: u64, size: u64) -> Markup {
    html! {
        nav.pager aria-label="Pages" {
            span.soft { @if total == 0 { "Nothing to show" } @else { (offset + 1) " to " (offset + shown) " of " (total) } }
            @if offset > 0 { a.button.plain href={ (address) (offset.saturating_sub(size)) } { "Earlier" } }
            @if offset + shown < total { a.button.plain href={ (address) (offset + size) } { "Later" } }
        }
    }
}

/// A text as part of an address.
pub(crate) fn quoted(text: &str) -> PreEscaped<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    PreEscaped(text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect())
}
