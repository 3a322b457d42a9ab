//! Relays: `beatcheck relay` runs one, `hub relay` and `device relay` are the two ends that know of it.

use crate::device_cmd;
use crate::exit::{Exit, Failure};
use crate::hub_cmd::stop_signal;
use crate::output::{Context, when};
use crate::relay_args::{DeviceRelayArgs, HubRelayCommand, RelayArgs};
use beatcheck_hub::Hub;
use beatcheck_relay::{Relay, RelayError, RelayOptions};
use serde_json::json;

pub(crate) fn run(args: RelayArgs, context: &Context) -> Result<Exit, Failure> {
    let options = RelayOptions {
        dir: args.dir,
        hub: args.hub,
        identity: args.identity,
        listen: args.listen,
        max_bytes: args.max_bytes,
    };
    let failed = |e: std::io::Error| Failure::new("io", format!("starting the relay: {e}"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async {
        let stop = stop_signal().map_err(failed)?;
        let relay = Relay::bind(&options).await?;
        let url = format!("https://{}", relay.local_addr());
        // Whoever started it may have closed its end after the first line it cared for.
        if let Err(e) = context.emit(&json!({"listening": url}), |s| s.line(&format!("listening on {url}"))) {
            tracing::warn!("{e}");
        }
        relay.run(stop).await;
        Ok(Exit::Done)
    })
}

pub(crate) fn hub(command: HubRelayCommand, context: &Context) -> Result<(), Failure> {
    let open = |data: &std::path::Path| Hub::open(data, context.clock());
    match command {
        HubRelayCommand::Add(a) => {
            let added = open(&a.data.data)?.relay_add(&a.relay, &a.names, &a.out)?;
            context.emit(&added, |s| {
                s.line(&format!("The keys and certificates of relay {} are in {}.", a.relay, a.out.display()));
                s.fields(&[("reached as", added.names.join(", ")), ("until", added.expires.to_string())]);
                s.line("Carry the directory to the relay, and delete it here.");
            })
        }
        HubRelayCommand::List(a) => {
            let relays = open(&a.data)?.relays()?;
            context.emit(&json!({ "relays": relays }), |s| {
                let row = |r: &beatcheck_hub::RelayStatus| {
                    let (issued, expires) = (when(Some(r.issued)), when(Some(r.expires)));
                    vec![r.name.clone(), r.state.to_owned(), issued, expires, r.serial.clone()]
                };
                s.table(
                    &["relay", "state", "issued", "expires", "serial number"],
                    &relays.iter().map(row).collect::<Vec<_>>(),
                );
                if relays.is_empty() {
                    s.line("none");
                }
            })
        }
        HubRelayCommand::Revoke(a) => {
            open(&a.data.data)?.relay_revoke(&a.relay)?;
            let text = format!("Relay {} is revoked: the hub gives it nothing any more.", a.relay);
            context.emit(&json!({"relay": a.relay, "state": "revoked"}), |s| s.line(&text))
        }
    }
}

pub(crate) fn device(args: &DeviceRelayArgs, context: &Context) -> Result<Exit, Failure> {
    let device = device_cmd::open(&args.home, context)?;
    if args.off || args.url.is_some() {
        device.set_relay(args.url.as_deref())?;
    }
    let relay = device.relay()?;
    context.emit(&json!({ "relay": relay }), |s| match &relay {
        Some(url) => s.line(&format!("Segments are asked for at {url} first, then at the hub.")),
        None => s.line("No relay is set: segments come from the hub."),
    })?;
    Ok(Exit::Done)
}

impl From<RelayError> for Failure {
    fn from(e: RelayError) -> Self {
        let code = match &e {
            RelayError::Identity { .. } => "input",
            RelayError::Hub => "usage",
            RelayError::InUse { .. } | RelayError::Io { .. } => "io",
            RelayError::Tls(_) => "tls",
        };
        Self::new(code, e.to_string())
    }
}
