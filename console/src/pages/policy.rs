//! Policy: what is in force, how far it has come, and the next one, looked at before it is pushed.

use super::{csrf, frame, when};
use crate::chart;
use crate::gate::Ask;
use crate::reply::Reply;
use crate::session::Who;
use beatcheck_hub::{
    Effect, Hub, HubError, Level, PolicyChange, PolicyFinding, PolicyStatus, policy_diff, read_policy,
};
use maud::{Markup, html};
use serde_json::Value;

/// Versions listed: older ones are in `beatcheck hub policy history`.
const VERSIONS: usize = 20;
const SHARES: [u8; 5] = [5, 10, 25, 50, 100];

pub(super) fn page(hub: &Hub, who: &Who, ask: &Ask) -> Result<Reply, HubError> {
    let mut text = ask.field("text").replace("\r\n", "\n");
    let mut said = None;
    let mut review = None;
    match (ask.post, ask.field("act")) {
        (true, "check") => review = Some(look(hub, &text)?),
        (true, "push") => {
            let version = hub.policy_set_by(&text, share(ask), &who.account)?;
            said = Some(format!("Version {version} is signed and pushed to {} % of devices.", share(ask)));
            text.clear();
        }
        (true, "stage") => {
            hub.policy_stage(ask.number("version"), share(ask), &who.account)?;
            said = Some(format!("Version {} is meant for {} % of devices now.", ask.number("version"), share(ask)));
        }
        (true, "rollback") => {
            let version = hub.policy_rollback(ask.number("version"), &who.account)?;
            said = Some(format!("Version {version} has the content of version {} again.", ask.number("version")));
        }
        _ => {}
    }
    let status = hub.policy_status()?;
    if text.is_empty() {
        text = as_text(hub)?;
    }
    Ok(Reply::ok(frame(
        who,
        "/policy",
        "Policy",
        &html! {
            h1 { "Policy" }
            p.lead { "Version " b { (status.in_force) } " is in force. A version never comes back: to undo one, its forerunner is pushed under a newer number." }
            @if let Some(said) = said { p.say.good role="status" { (said) } }
            section.card data-live { h2 { "Roll-out" } (versions(who, &status)) }
            section.card {
                h2 { "The next version" }
                @if let Some((findings, changes)) = &review { (reviewed(findings, changes)) }
                form method="post" action="/policy" {
                    (csrf(who))
                    label for="text" { "JSON or TOML; number and date are set when it is signed" }
                    textarea #text name="text" spellcheck="false" { (text) }
                    p.soft { "Looking at it changes nothing. What loosens a limit is shown first." }
                    p { button name="act" value="check" { "Look at it: findings and changes" } }
                    @if review.as_ref().is_some_and(|(f, c)| !c.is_empty() && f.iter().all(|f| f.level != Level::Error)) {
                        p { label for="share" { "Push to" } (shares("share", 100)) }
                        p { button.bad name="act" value="push" { "Sign and push" } }
                    }
                }
            }
        },
    )))
}

fn share(ask: &Ask) -> u8 {
    SHARES.into_iter().find(|s| u64::from(*s) == ask.number("share")).unwrap_or(SHARES[0])
}

fn shares(id: &str, chosen: u8) -> Markup {
    html! { select id=(id) name="share" { @for s in SHARES { option value=(s) selected[s == chosen] { (s) " % of devices" } } } }
}

/// The policy in force as somebody would edit it.
fn as_text(hub: &Hub) -> Result<String, HubError> {
    let (policy, _) = hub.policy_current()?;
    let unwritable = |_| HubError::Refused("The policy in force cannot be shown as text.".into());
    let mut value = serde_json::to_value(&policy).map_err(unwritable)?;
    if let Value::Object(fields) = &mut value {
        fields.retain(|name, _| !["format", "policy_version", "issued"].contains(&name.as_str()));
    }
    serde_json::to_string_pretty(&value).map_err(unwritable)
}

fn look(hub: &Hub, text: &str) -> Result<(Vec<PolicyFinding>, Vec<PolicyChange>), HubError> {
    let findings = hub.policy_lint(text)?;
    let current = hub.policy_current()?.0;
    let next = read_policy(text, Some(current.policy_version.saturating_add(1)));
    Ok((findings, next.map(|next| policy_diff(&current, &next)).unwrap_or_default()))
}

fn reviewed(findings: &[PolicyFinding], changes: &[PolicyChange]) -> Markup {
    html! {
        div role="status" {
            @if findings.is_empty() { p.say.good { "Nothing is wrong or odd about it." } }
            @for f in findings {
                @let (class, name) = if f.level == Level::Error { ("bad", "Error") } else { ("warn", "Warning") };
                p class={ "say " (class) } { b { (name) } " " @if !f.field.is_empty() { code { (f.field) } ": " } (f.text) }
            }
            h3 { @if changes.is_empty() { "It changes nothing" } @else { "What it changes" } }
            @if !changes.is_empty() { table.stack.diff {
                thead { tr { @for t in ["Field", "Effect", "Before", "After"] { th scope="col" { (t) } } } }
                tbody { @for c in changes { tr {
                    td data-l="Field" { code { (c.field) } }
                    td data-l="Effect" { @match c.effect {
                        Effect::Loosens => span.tag.bad { "loosens" },
                        Effect::Tightens => span.tag.good { "tightens" },
                        Effect::Changes => span.tag { "changes" },
                    } }
                    td data-l="Before" { del { (c.before) } }
                    td data-l="After" { ins { (c.after) } }
                } } }
            } }
        }
    }
}

fn versions(who: &Who, status: &PolicyStatus) -> Markup {
    html! {
        table.stack {
            thead { tr { @for t in ["Version", "State", "Share", "Obeyed by", "Pushed", "Note", "Do"] { th scope="col" { (t) } } } }
            tbody { @for v in status.versions.iter().take(VERSIONS) { tr {
                td.num data-l="Version" { b { (v.version) } }
                td data-l="State" { @match v.state {
                    "in_force" => span.tag.good { "in force" },
                    "staged" => span.tag.warn { "staged" },
                    _ => span.tag { "ended" },
                } }
                td.num data-l="Share" { (v.share_percent) " %" }
                td data-l="Obeyed by" { @if v.meant > 0 { (chart::progress(v.obeying, v.meant, "Devices that obey it")) } @else { span.soft { (v.obeying) } } }
                td data-l="Pushed" { span { (when(v.pushed)) " " small { "by " (v.pushed_by) } } }
                td data-l="Note" { (v.note) }
                td data-l="Do" { @match v.state {
                    "staged" => form method="post" action="/policy" {
                        (csrf(who)) input type="hidden" name="version" value=(v.version); input type="hidden" name="act" value="stage";
                        label for={ "s" (v.version) } { "To" } (shares(&format!("s{}", v.version), 100)) button.plain { "Give" }
                    },
                    "ended" => form method="post" action="/policy" {
                        (csrf(who)) input type="hidden" name="version" value=(v.version); input type="hidden" name="act" value="rollback";
                        button.plain { "Back to " (v.version) }
                    },
                    _ => span.soft { "–" },
                } }
            } } }
        }
        @if status.versions.len() > VERSIONS { p.soft { "The newest " (VERSIONS) " of " (status.versions.len()) "." } }
        @if status.silent > 0 { p.soft { (status.silent) " of " (status.devices) " devices never said which policy they have." } }
    }
}
