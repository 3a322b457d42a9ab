//! The console, somebody who is logged in to it, and its pages.

use super::ANY;
use super::device::Known;
use crate::bench::phones::{Answer, Link, Trust, broken};
use crate::exit::Failure;
use beatcheck_console::{ConsoleOptions, hash_password};
use beatcheck_hub::{ConsoleRole, Hub, HubError};
use hyper::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use hyper::{Method, StatusCode};
use std::time::Instant;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const PASSWORD: &str = "not a secret of anybody";
/// The first request to a page is not counted: it reads what the others find in memory.
const WARMING: usize = 1;

/// A page that is asked for.
#[derive(Clone, Copy)]
pub(super) struct Page {
    pub(super) name: &'static str,
    role: ConsoleRole,
    /// Its address, in which `{device}`, `{officer}` and `{reference}` stand for those of a device.
    path: &'static str,
}

const fn page(name: &'static str, role: ConsoleRole, path: &'static str) -> Page {
    Page { name, role, path }
}

use ConsoleRole::{Administrator, Auditor, DataOwner, Ethics};

/// Every page that shows something, and those of its forms that cost the most.
pub(super) const PAGES: &[Page] = &[
    page("fleet", Administrator, "/fleet"),
    page("fleet, the last page", Administrator, "/fleet?offset={last}"),
    page("fleet, with problems", Administrator, "/fleet?state=faulty"),
    page("fleet, an asset", Administrator, "/fleet?text=BC-00042"),
    page("device", Administrator, "/device?id={device}"),
    page("officers", Administrator, "/officers"),
    page("orders", Administrator, "/orders"),
    page("policy", Administrator, "/policy"),
    page("sources", DataOwner, "/sources"),
    page("journal", Auditor, "/journal?why=bench"),
    page("journal, an officer", Auditor, "/journal?why=bench&officer={officer}"),
    page("journal, a reference", Auditor, "/journal?why=bench&reference={reference}"),
    page("journal, unusual", Auditor, "/journal?why=bench&unusual=yes"),
    page("an answer rebuilt", Auditor, "/journal/answer?why=bench&reference={reference}"),
    page("chains", Auditor, "/journal/chains"),
    page("who looked", Auditor, "/journal/looks?why=bench"),
    page("sums", Ethics, "/sums"),
    page("console log", Auditor, "/log"),
    page("account", Auditor, "/account"),
];

/// A console that serves.
pub(super) struct World {
    trust: Trust,
    port: u16,
    device: Known,
    last: u64,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), HubError>>,
}

impl World {
    /// Serves the console of a hub that has devices, of which one is known, and gives each role an account.
    pub(super) async fn begin(hub: Hub, trust: Trust, device: Known) -> Result<Self, Failure> {
        let hash = hash_password(PASSWORD).map_err(broken)?;
        for role in ConsoleRole::ALL {
            hub.console_add(role.name(), role, "", &hash)?;
        }
        let last = hub.fleet_counts()?.all.saturating_sub(1);
        let (stop, stopped) = oneshot::channel::<()>();
        let (bound, ready) = oneshot::channel();
        let options = ConsoleOptions { listen: ANY, names: Vec::new() };
        let serving = tokio::spawn(beatcheck_console::serve(
            hub,
            options,
            |address| {
                let _ = bound.send(address);
            },
            async {
                let _ = stopped.await;
            },
        ));
        let port = ready.await.map_err(|_| broken("the console did not start"))?.port();
        Ok(Self { trust, port, device, last, stop, serving })
    }

    /// Asks for a page so often: milliseconds of each, and its bytes. Each time somebody new is logged in, so that no page
    /// meets the limit of a session's requests.
    pub(super) async fn time(&self, page: &Page, times: usize) -> Result<(Vec<f64>, usize), Failure> {
        let mut link = self.trust.connect(self.port, None).await?;
        let cookie = log_in(&mut link, page.role).await?;
        let path = page
            .path
            .replace("{device}", &self.device.id.to_string())
            .replace("{officer}", &self.device.officer)
            .replace("{reference}", &self.device.reference)
            .replace("{last}", &self.last.to_string());
        let (mut out, mut bytes) = (Vec::with_capacity(times), 0);
        for n in 0..times + WARMING {
            let begun = Instant::now();
            let answer = link.send(Method::GET, &path, &[(COOKIE, &cookie)], "").await?;
            let took = begun.elapsed().as_secs_f64() * 1e3;
            if answer.status != StatusCode::OK {
                return Err(broken(format!("{path}: the console said {}", answer.status)));
            }
            if n >= WARMING {
                out.push(took);
                bytes = answer.body.len();
            }
        }
        Ok((out, bytes))
    }

    /// Stops serving.
    pub(super) async fn end(self) {
        drop(self.stop);
        let _ = self.serving.await;
    }
}

/// Logs in through the page's own form; the session's cookie.
async fn log_in(link: &mut Link, role: ConsoleRole) -> Result<String, Failure> {
    let page = link.send(Method::GET, "/login", &[], "").await?;
    let before = cookie(&page)?;
    let html = String::from_utf8_lossy(&page.body);
    let token = html.split_once("name=\"csrf\" value=\"").and_then(|(_, rest)| rest.split_once('"'));
    let token = token.ok_or_else(|| broken("the login page has no form"))?.0;
    // Only letters, digits and spaces: nothing else to quote.
    let form = format!("csrf={token}&name={}&password={}", role.name(), PASSWORD.replace(' ', "+"));
    let headers = [(COOKIE, before.as_str()), (CONTENT_TYPE, "application/x-www-form-urlencoded")];
    let answer = link.send(Method::POST, "/login", &headers, form).await?;
    if answer.status != StatusCode::SEE_OTHER || answer.headers.get(LOCATION).is_none_or(|l| l != "/") {
        return Err(broken(format!("logging in: the console said {}", answer.status)));
    }
    cookie(&answer)
}

fn cookie(answer: &Answer) -> Result<String, Failure> {
    let set = answer.headers.get(SET_COOKIE).and_then(|v| v.to_str().ok()).and_then(|v| v.split(';').next());
    Ok(set.ok_or_else(|| broken("the console set no cookie"))?.to_owned())
}
