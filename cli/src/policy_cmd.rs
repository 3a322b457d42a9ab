//! `beatcheck hub policy`: written, looked at, compared, signed, pushed in stages.

use crate::complain;
use crate::exit::{Exit, Failure, exit_of};
use crate::hub_cmd::open;
use crate::output::{Context, Screen, Style, word};
use crate::policy_args::{PolicyCommand, PolicyDiffArgs, PolicyLintArgs, PolicyShowArgs, PolicySignArgs};
use beatcheck_hub::{
    Effect, Hub, Level, PolicyChange, PolicyFinding, PolicyHistory, PolicyStatus, lint_policy, policy_diff,
    policy_schema, read_policy, read_signed_policy, read_signing_key, sign_policy,
};
use beatcheck_wire::envelope::OVERHEAD;
use beatcheck_wire::policy::Policy;
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;

pub(crate) fn run(command: PolicyCommand, context: &Context) -> Result<Exit, Failure> {
    match command {
        PolicyCommand::Show(a) => show(&a, context)?,
        PolicyCommand::Schema => {
            let text = policy_schema()?;
            let value: Value = serde_json::from_str(&text).map_err(|e| Failure::new("output", e.to_string()))?;
            context.emit(&value, |s| text.lines().for_each(|l| s.line(l)))?;
        }
        PolicyCommand::Lint(a) => return lint(&a, context),
        PolicyCommand::Diff(a) => diff(&a, context)?,
        PolicyCommand::Sign(a) => sign(&a, context)?,
        PolicyCommand::Push(a) => {
            let signed = read(&a.file)?;
            let version = open(&a.data, context)?.policy_push(&signed, a.share, &a.by.by)?;
            pushed(version, a.share, context)?;
        }
        PolicyCommand::Set(a) => {
            let version = open(&a.data, context)?.policy_set_by(&read_text(&a.file)?, a.share, &a.by.by)?;
            pushed(version, a.share, context)?;
        }
        PolicyCommand::Stage(a) => {
            open(&a.data, context)?.policy_stage(a.version, a.share, &a.by.by)?;
            context.emit(&json!({"policy_version": a.version, "share_percent": a.share}), |s| {
                said(s, a.version, a.share)
            })?;
        }
        PolicyCommand::Rollback(a) => {
            let version = open(&a.data, context)?.policy_rollback(a.version, &a.by.by)?;
            context.emit(&json!({"policy_version": version, "as": a.version}), |s| {
                s.line(&format!("Policy version {version} is in force: it says what version {} says.", a.version));
            })?;
        }
        PolicyCommand::Status(a) => {
            let status = open(&a, context)?.policy_status()?;
            context.emit(&status, |s| show_status(s, &status))?;
        }
        PolicyCommand::History(a) => {
            let history = open(&a, context)?.policy_history()?;
            context.emit(&json!({"versions": history}), |s| show_history(s, &history))?;
        }
    }
    Ok(Exit::Done)
}

fn pushed(version: u64, share: u8, context: &Context) -> Result<(), Failure> {
    context.emit(&json!({"policy_version": version}), |s| said(s, version, share))
}

fn said(s: &mut Screen, version: u64, share: u8) {
    match share {
        100 => s.line(&format!("Policy version {version} is in force; devices obey it from their next sync.")),
        0 => s.line(&format!("Policy version {version} is kept; no device is given it until it is staged.")),
        share => {
            s.line(&format!("Policy version {version} is meant for {share} of 100 devices, from their next sync."))
        }
    }
}

fn show(args: &PolicyShowArgs, context: &Context) -> Result<(), Failure> {
    let hub = open(&args.data, context)?;
    let policy = match args.version {
        Some(version) => hub.policy_at(version)?,
        None => hub.policy_current()?.0,
    };
    if let Some(out) = &args.out {
        write_new(out, &hub.policy_signed(policy.policy_version)?)?;
    }
    let text = serde_json::to_string_pretty(&policy).map_err(|e| Failure::new("output", e.to_string()))?;
    context.emit(&policy, |s| text.lines().for_each(|l| s.line(l)))
}

/// What `hub policy lint` says.
#[derive(Serialize)]
struct Lint {
    usable: bool,
    findings: Vec<PolicyFinding>,
}

fn lint(args: &PolicyLintArgs, context: &Context) -> Result<Exit, Failure> {
    let text = read_text(&args.file)?;
    let findings = match &args.data {
        Some(data) => Hub::open(data, context.clock())?.policy_lint(&text)?,
        // Any version will do where no hub counts them.
        None => lint_policy(&text, Some(1), None),
    };
    let errors = findings.iter().filter(|f| f.level == Level::Error).count();
    let lint = Lint { usable: errors == 0, findings };
    context.emit(&lint, |s| {
        let row = |f: &PolicyFinding| vec![word(&f.level), f.field.clone(), f.text.clone()];
        s.table(&["", "field", "what"], &lint.findings.iter().map(row).collect::<Vec<_>>());
        s.line(if lint.usable { "It can be signed." } else { "It cannot be signed." });
    })?;
    if errors > 0 {
        complain(&format!("the policy has {errors} errors"));
        return Ok(exit_of("refused"));
    }
    Ok(Exit::Done)
}

/// What `hub policy diff` says.
#[derive(Serialize)]
struct Diff {
    from: u64,
    to: Option<u64>,
    loosens: usize,
    tightens: usize,
    changes: Vec<PolicyChange>,
}

fn diff(args: &PolicyDiffArgs, context: &Context) -> Result<(), Failure> {
    let hub = open(&args.data, context)?;
    let from = match args.from {
        Some(version) => hub.policy_at(version)?,
        None => hub.policy_current()?.0,
    };
    let to = match (&args.file, args.to) {
        (Some(file), _) => either(file, &hub)?,
        (None, Some(version)) => hub.policy_at(version)?,
        (None, None) => return Err(Failure::new("usage", "give a file, or --to")),
    };
    let changes = policy_diff(&from, &to);
    let count = |effect: Effect| changes.iter().filter(|c| c.effect == effect).count();
    let diff = Diff {
        from: from.policy_version,
        to: args.to,
        loosens: count(Effect::Loosens),
        tightens: count(Effect::Tightens),
        changes,
    };
    context.emit(&diff, |s| {
        show_changes(s, &diff.changes);
        if diff.changes.is_empty() {
            s.line("Nothing is another.");
        }
    })
}

/// A policy as it is written, or as it was signed.
fn either(file: &Path, hub: &Hub) -> Result<Policy, Failure> {
    let bytes = read(file)?;
    if bytes.starts_with(b"BC") && bytes.len() > OVERHEAD {
        return Ok(read_signed_policy(&bytes)?);
    }
    let next = hub.policy_status()?.versions.first().map_or(1, |v| v.version + 1);
    Ok(read_policy(&read_text(file)?, Some(next))?)
}

fn sign(args: &PolicySignArgs, context: &Context) -> Result<(), Failure> {
    let key = read_signing_key(&args.key)?;
    let signed = sign_policy(&read_text(&args.file)?, args.version, context.now(), &key)?;
    write_new(&args.out, &signed)?;
    let policy = read_signed_policy(&signed)?;
    let out = args.out.display().to_string();
    let told = json!({"policy_version": policy.policy_version, "issued": policy.issued, "signed": out});
    context.emit(&told, |s| {
        s.line(&format!(
            "Policy version {} is signed, in {out}. Next: beatcheck hub policy push",
            policy.policy_version
        ));
    })
}

fn show_changes(s: &mut Screen, changes: &[PolicyChange]) {
    for c in changes {
        let line = format!("{:<8}  {}: {} -> {}", word(&c.effect), c.field, value(&c.before), value(&c.after));
        match c.effect {
            Effect::Loosens => s.styled(Style::Caution, &line),
            Effect::Tightens | Effect::Changes => s.line(&line),
        }
    }
}

fn value(value: &Value) -> String {
    if value.is_null() { "none".into() } else { value.to_string() }
}

fn show_status(s: &mut Screen, status: &PolicyStatus) {
    s.styled(Style::Bold, &format!("Policy version {} is in force, for {} devices.", status.in_force, status.devices));
    if status.silent > 0 {
        s.line(&format!("{} never said which policy they have.", status.silent));
    }
    let row = |v: &beatcheck_hub::PolicyVersion| {
        vec![
            v.version.to_string(),
            v.state.replace('_', " "),
            format!("{} %", v.share_percent),
            v.meant.to_string(),
            v.obeying.to_string(),
            v.pushed.to_string(),
            v.pushed_by.clone(),
            v.note.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = status.versions.iter().map(row).collect();
    s.table(&["version", "state", "share", "meant for", "obeyed by", "pushed", "by", "note"], &rows);
}

fn show_history(s: &mut Screen, history: &[PolicyHistory]) {
    for h in history {
        s.heading(&format!("Version {}, signed {}", h.version, h.issued));
        if !h.note.is_empty() {
            s.line(&h.note);
        }
        for step in &h.steps {
            s.styled(Style::Dim, &format!("{}: {} % by {}", step.at, step.share_percent, step.by));
        }
        show_changes(s, &h.changes);
    }
}

pub(crate) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|e| Failure::input(file, &e))
}

fn read_text(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|e| Failure::input(file, &e))
}

/// Writes a new file: what was signed is never written over.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    use std::io::Write;
    let failed = |e: std::io::Error| Failure::new("io", format!("writing {}: {e}", path.display()));
    let mut file = std::fs::File::create_new(path).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)
}
