//! One's own account, and the log of what the console was used for.

use super::{csrf, frame, when};
use crate::gate::Ask;
use crate::password::{hash_password, is_password};
use crate::reply::Reply;
use crate::session::Who;
use beatcheck_hub::{Hub, HubError};
use maud::html;

const SIZE: u64 = 100;

pub(super) fn account(hub: &Hub, who: &Who, ask: &Ask) -> Result<Reply, HubError> {
    if ask.post {
        let account = hub.console_account(&who.account)?;
        if !is_password(ask.field("old"), account.as_ref().map(|a| a.password.as_str())) {
            return Err(HubError::Refused("The present password is wrong: nothing was changed.".into()));
        }
        if ask.field("new") != ask.field("again") {
            return Err(HubError::Refused("The new passwords are not the same: nothing was changed.".into()));
        }
        let hash = hash_password(ask.field("new")).map_err(HubError::Refused)?;
        hub.console_password(&who.account, &hash)?;
        // Every session of the account is over with that, this one too.
        return Ok(Reply::To("/login".into()));
    }
    Ok(Reply::ok(frame(
        who,
        "",
        "Account",
        &html! {
            h1 { "Your account" }
            section.card { dl {
                dt { "Name" } dd { (who.account) }
                dt { "Role" } dd { (who.role.name().replace('_', " ")) }
                dt { "Officer" } dd { @if who.officer.is_empty() { "none" } @else { (who.officer) ": you do not see your own entries" } }
            } }
            section.card {
                h2 { "Change the password" }
                form.login-like method="post" action="/account" {
                    (csrf(who))
                    @for (name, title, kind) in [("old", "Present password", "current-password"), ("new", "New password, 12 characters at least", "new-password"), ("again", "New password again", "new-password")] {
                        p { label for=(name) { (title) } input id=(name) name=(name) type="password" autocomplete=(kind) required maxlength="256"; }
                    }
                    button { "Change it" }
                }
            }
        },
    )))
}

pub(super) fn log(hub: &Hub, who: &Who, ask: &Ask) -> Result<Reply, HubError> {
    let rows = hub.console_log(ask.number("before"), SIZE)?;
    Ok(Reply::ok(frame(
        who,
        "/log",
        "Console log",
        &html! {
            h1 { "Console log" }
            p.lead { "What the console was used to look at and to do, newest first. Each row is chained to the one before." }
            section.card {
                table.stack {
                    thead { tr { @for t in ["No.", "When", "Account", "Role", "What", "To"] { th scope="col" { (t) } } } }
                    tbody { @for l in &rows { tr {
                        td.num data-l="No." { (l.n) }
                        td data-l="When" { (when(l.at)) }
                        td data-l="Account" { (l.account) }
                        td data-l="Role" { (l.role) }
                        td data-l="What" { (l.action.replace('_', " ")) }
                        td data-l="To" { (l.subject) }
                    } } }
                }
                @if let Some(last) = rows.last().filter(|l| l.n > 1) { nav.pager aria-label="Pages" { a.button.plain href={ "/log?before=" (last.n) } { "Older" } } }
            }
        },
    )))
}
