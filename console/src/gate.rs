//! From a request to a page: who asks, whether they may, and whether it was their own browser that asked.
//!
//! Order: the route, the session, the role, then for a POST the origin and the form's token. A page that somebody may not see is
//! told apart from one that is not there, because everybody knows which pages there are.

use crate::pages;
use crate::password;
use crate::reply::Reply;
use crate::session::{Out, Sessions, Who, same, token};
use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Form, FromRequest, Query, Request, State};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use beatcheck_hub::{ConsoleRole, Hub, HubError};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Largest form, in bytes: a policy with room.
pub(crate) const MAX_FORM: usize = 256 * 1024;
/// Pages that are made at one time: each holds a thread and a connection to the database.
const AT_ONCE: usize = 16;
/// Passwords that are hashed at one time: each takes 19 MiB.
const HASHES_AT_ONCE: usize = 2;
const COOKIE: &str = "__Host-console";
const BEFORE: &str = "__Host-before";

type Pairs = Vec<(String, String)>;

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) hub: Hub,
    sessions: Sessions,
    pages: Arc<Semaphore>,
    hashes: Arc<Semaphore>,
}

impl Shared {
    pub(crate) fn new(hub: Hub) -> Self {
        let (pages, hashes) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(Semaphore::new(HASHES_AT_ONCE)));
        Self { hub, sessions: Sessions::default(), pages, hashes }
    }
}

/// A request, taken apart.
pub(crate) struct Ask {
    pub(crate) post: bool,
    pub(crate) path: String,
    query: Pairs,
    form: Pairs,
    cookie: Option<String>,
    before: Option<String>,
    live: bool,
}

impl Ask {
    /// A field of the form or, for a GET, of the address; empty if it is not there.
    pub(crate) fn field(&self, name: &str) -> &str {
        let pairs = if self.post { &self.form } else { &self.query };
        pairs.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str())
    }

    /// The same as a number.
    pub(crate) fn number(&self, name: &str) -> u64 {
        self.field(name).parse().unwrap_or(0)
    }
}

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(handle).layer(DefaultBodyLimit::max(MAX_FORM)).with_state(shared)
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    match take_apart(request).await {
        Ok(ask) => {
            let login = ask.post && ask.path == "/login";
            let places = if login { &shared.hashes } else { &shared.pages };
            let Ok(place) = Arc::clone(places).acquire_owned().await else { return broken().into_response() };
            let done = tokio::task::spawn_blocking(move || {
                let _place = place;
                answer(&shared, &ask)
            });
            done.await.unwrap_or_else(|_| broken()).into_response()
        }
        Err(reply) => reply.into_response(),
    }
}

async fn take_apart(request: Request) -> Result<Ask, Reply> {
    let post = match *request.method() {
        Method::GET | Method::HEAD => false,
        Method::POST => true,
        _ => return Err(plain(StatusCode::METHOD_NOT_ALLOWED, "This console takes GET and POST.")),
    };
    let headers = request.headers().clone();
    if post && !own_origin(&headers) {
        return Err(plain(StatusCode::FORBIDDEN, "The form came from another place: nothing was done."));
    }
    let path = request.uri().path().to_owned();
    let query = Query::<Pairs>::try_from_uri(request.uri()).map(|q| q.0).unwrap_or_default();
    let form = if post {
        let form = Form::<Pairs>::from_request(request, &()).await;
        form.map_err(|_| plain(StatusCode::BAD_REQUEST, "The form is too large, or is none."))?.0
    } else {
        Pairs::new()
    };
    let live = headers.contains_key("x-live");
    Ok(Ask { post, path, query, form, cookie: cookie(&headers, COOKIE), before: cookie(&headers, BEFORE), live })
}

/// A browser says where a form comes from; where it says so, it must be here.
fn own_origin(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    text("sec-fetch-site").is_none_or(|site| site == "same-origin" || site == "none")
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all("cookie").iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(';'));
    all.filter_map(|pair| pair.trim().split_once('=')).find(|(n, _)| *n == name).map(|(_, v)| v.to_owned())
}

fn answer(shared: &Shared, ask: &Ask) -> Reply {
    match ask.path.as_str() {
        "/console.css" => return Reply::Asset("text/css; charset=utf-8", include_bytes!("../assets/console.css")),
        "/console.js" => return Reply::Asset("text/javascript; charset=utf-8", include_bytes!("../assets/console.js")),
        "/favicon.ico" | "/icon.svg" => return Reply::Asset("image/svg+xml", include_bytes!("../assets/icon.svg")),
        "/login" => return login(shared, ask),
        _ => {}
    }
    let who = match ask.cookie.as_deref().map_or(Err(Out::Login), |c| shared.sessions.who(&shared.hub, c)) {
        Ok(who) => who,
        Err(Out::Login) => return Reply::To("/login".into()),
        Err(Out::Slow) => return plain(StatusCode::TOO_MANY_REQUESTS, "That was too much at once: wait ten seconds."),
        Err(Out::Hub(e)) => return failed(&e),
    };
    if ask.post && !same(ask.field("csrf"), &who.csrf) {
        return plain(
            StatusCode::FORBIDDEN,
            "This form is not of your session: go back, load the page anew and try again.",
        );
    }
    if ask.post && ask.path == "/logout" {
        shared.sessions.end(ask.cookie.as_deref().unwrap_or_default());
        return Reply::Cookie(Box::new(Reply::To("/login".into())), set_cookie(COOKIE, "", true));
    }
    if ask.path == "/" {
        return Reply::To(pages::home(who.role).into());
    }
    let Some((page, roles)) = pages::find(&ask.path) else {
        return Reply::Page(
            StatusCode::NOT_FOUND,
            pages::message(&who, "There is no such page", "Go on from the menu above."),
        );
    };
    if !roles.contains(&who.role) {
        let _ = shared.hub.console_note(&who.account, who.role.name(), "refused", &ask.path);
        let text = "Your role does not open it. Who has the role can look for you; the attempt is noted.";
        return Reply::Page(StatusCode::FORBIDDEN, pages::message(&who, "This page is not yours", text));
    }
    // A page that keeps itself fresh is noted once, when it is opened.
    if !ask.live {
        let action = if ask.post { "do" } else { "look" };
        let subject = format!("{} {}", ask.path, noted(ask));
        if let Err(e) = shared.hub.console_note(&who.account, who.role.name(), action, subject.trim_end()) {
            return failed(&e);
        }
    }
    match page(&shared.hub, &who, ask) {
        Ok(reply) => reply,
        Err(HubError::Refused(text)) => {
            Reply::Page(StatusCode::CONFLICT, pages::message(&who, "It was refused", &text))
        }
        Err(e) => failed(&e),
    }
}

/// What of a request stands in the log: what was looked for, and what was ordered; never a whole policy or a token.
fn noted(ask: &Ask) -> String {
    let pairs = if ask.post { &ask.form } else { &ask.query };
    let told =
        pairs.iter().filter(|(n, v)| !v.is_empty() && !["csrf", "text", "old", "new", "again"].contains(&n.as_str()));
    told.map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join(" ")
}

fn login(shared: &Shared, ask: &Ask) -> Reply {
    let fresh = |status, text: &str| match token() {
        Ok(token) => {
            Reply::Cookie(Box::new(Reply::Page(status, pages::login(&token, text))), set_cookie(BEFORE, &token, false))
        }
        Err(_) => broken(),
    };
    if !ask.post {
        return fresh(StatusCode::OK, "");
    }
    if !ask.before.as_deref().is_some_and(|b| same(b, ask.field("csrf"))) {
        return fresh(StatusCode::FORBIDDEN, "The page had been open for too long. Please try again.");
    }
    let name: String = ask.field("name").chars().take(beatcheck_hub::MAX_ACCOUNT_NAME).collect();
    if !shared.sessions.may_try(&name) {
        return fresh(StatusCode::TOO_MANY_REQUESTS, "Too many attempts. Wait a minute, then try again.");
    }
    let account = match shared.hub.console_account(&name) {
        Ok(account) => account,
        Err(e) => return failed(&e),
    };
    let right = password::is_password(ask.field("password"), account.as_ref().map(|a| a.password.as_str()));
    let Some(account) = account.filter(|_| right) else {
        let _ = shared.hub.console_note("", "", "login_refused", &name);
        return fresh(StatusCode::FORBIDDEN, "Name or password is wrong.");
    };
    shared.sessions.was_right(&name);
    if let Err(e) = shared.hub.console_note(&name, account.role.name(), "login", "") {
        return failed(&e);
    }
    match shared.sessions.begin(&name, account.changed.0) {
        Some(token) => Reply::Cookie(Box::new(Reply::To("/".into())), set_cookie(COOKIE, &token, false)),
        None => fresh(StatusCode::SERVICE_UNAVAILABLE, "Too many people are logged in."),
    }
}

fn set_cookie(name: &str, value: &str, gone: bool) -> String {
    let age = if gone { "; Max-Age=0" } else { "" };
    format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Strict{age}")
}

/// The hub failed: the log has it, the page does not say more than it must.
fn failed(e: &HubError) -> Reply {
    tracing::error!(error = %e, "a page of the console could not be made");
    let text = match e {
        HubError::Key { .. } => "A key that this needs is not on this machine.",
        _ => "The hub could not do that. Its log says why.",
    };
    plain(StatusCode::INTERNAL_SERVER_ERROR, text)
}

fn broken() -> Reply {
    plain(StatusCode::INTERNAL_SERVER_ERROR, "The console could not do that.")
}

fn plain(status: StatusCode, text: &str) -> Reply {
    Reply::Page(status, pages::bare(text))
}

/// A page, and who may open it.
pub(crate) type Page = fn(&Hub, &Who, &Ask) -> Result<Reply, HubError>;
/// Roles that may open a page.
pub(crate) type Roles = &'static [ConsoleRole];
