//! The server. In: an address, the parts of a run. Out: the page at that address until the run has ended.

use std::io;
use std::net::{self, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{get, post};
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::interval;
use tower_http::csrf::{CsrfLayer, ProtectionError};

use super::access::For;
use super::answer::error;
use super::charts::Charts;
use super::context::Context;
use super::feed::Feeder;
use super::guard::Gate;
use super::history::History;
use super::links::{LinkError, Links};
use super::openid::{self, OpenId};
use super::orders::Orders;
use super::people::Role;
use super::remote::{Accounts, Tls, TlsError, UsersError};
use super::sessions::{LONGEST, Sessions};
use super::settings::{Host, Listen, Settings};
use super::{access, answer, api, assets, body, connections, guard, leases, shown, sign_in, stream};
use crate::clouds::Mode;
use crate::daemon::journal::Journal;
use crate::daemon::state::RunState;
use crate::event::{Event, Stamped};
use crate::fleet::{Handle, LeaseSettings};
use crate::metrics::Metrics;
use crate::policy::follow::Policies;
use crate::settings::Invalid;

/// How often the files that may change are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    #[error("`{key}` {reason}")]
    Settings { key: &'static str, reason: String },
    #[error("{} has nobody who could sign in: add somebody by `handwave web user add NAME --role operator`", path.display())]
    Nobody { path: PathBuf },
    #[error(
        "cannot serve the page at {listen}: {reason}; give --web another address, such as 127.0.0.1:0 for any free port"
    )]
    Taken { listen: Listen, reason: io::Error },
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error(transparent)]
    Users(#[from] UsersError),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// An address that is taken for the page.
pub struct Listening {
    listener: net::TcpListener,
    address: SocketAddr,
    links: Links,
    accounts: Accounts,
    openid: Option<OpenId>,
    tls: Option<Tls>,
    settings: Settings,
}

/// The parts of a run that the page shows and acts on.
pub struct Sources {
    pub mode: Mode,
    pub fleet_name: String,
    pub lease: LeaseSettings,
    /// Where the fleet is entered, if that is known.
    pub entry: Option<String>,
    pub fleet: Handle,
    /// None: no policy is followed.
    pub policies: Option<Policies>,
    pub journal: Journal,
    pub states: watch::Receiver<RunState>,
    /// What measures the fleet.
    pub metrics: Option<Arc<dyn Metrics>>,
    /// Where the chart's points are kept. None: in memory.
    pub history: Option<PathBuf>,
}

impl Listening {
    /// Takes the address, so that a port in use is told before anything begins.
    pub fn at(settings: &Settings) -> Result<Listening, WebError> {
        let invalid = |Invalid { key, reason }| WebError::Settings { key, reason };
        settings.check().map_err(invalid)?;
        let Settings { listen, users, certificate, key, .. } = settings.clone();
        let accounts = Accounts::of(users.as_deref())?;
        let openid = OpenId::of(&settings.openid).map_err(invalid)?;
        let is_reached = !listen.is_loopback() && openid.is_none();
        if let (true, Some(path), 0) = (is_reached, &users, accounts.count()) {
            return Err(WebError::Nobody { path: path.clone() });
        }
        let tls = certificate.zip(key).map(|(certificate, key)| Tls::of(&certificate, &key)).transpose()?;
        let taken = |reason| WebError::Taken { listen, reason };
        let listener = net::TcpListener::bind(listen.0).map_err(taken)?;
        listener.set_nonblocking(true).map_err(taken)?;
        let address = listener.local_addr().map_err(taken)?;
        let links = Links::of_port(address.port())?;
        // Those of an earlier server.
        links.clear();
        Ok(Listening { listener, address, links, accounts, openid, tls, settings: settings.clone() })
    }

    /// An address that signs its first visitor in, as an operator. None: others can reach the page, and sign in
    /// otherwise.
    pub fn link(&self) -> Result<Option<String>, WebError> {
        if !self.settings.listen.is_loopback() {
            return Ok(None);
        }
        Ok(Some(link(&self.page(), &self.links.make(Role::Operator)?)))
    }

    /// Where a browser on this machine opens the page.
    pub fn page(&self) -> String {
        page(&self.settings, self.address)
    }
}

/// Where a browser opens the page that is served at this address.
pub fn page(settings: &Settings, address: SocketAddr) -> String {
    let scheme = if settings.certificate.is_some() { "https" } else { "http" };
    match settings.hosts.first() {
        // A certificate is for a name, seldom for an address.
        Some(Host(host)) if settings.certificate.is_some() => format!("{scheme}://{host}:{}/", address.port()),
        _ => format!("{scheme}://{address}/"),
    }
}

/// The address that signs in by this token. It comes after the `#`, so that it is sent to nobody until the page posts
/// it, and stands in no log.
pub fn link(page: &str, token: &str) -> String {
    format!("{page}#sign-in={token}")
}

/// Serves the page until the run has ended.
pub async fn serve(listening: Listening, sources: Sources) -> io::Result<()> {
    let Listening { listener, address, links, accounts, openid, tls, settings } = listening;
    let Sources { mode, fleet_name, lease, entry, fleet, policies, journal, states, metrics, history } = sources;
    let history = history.map_or_else(History::in_memory, |path| History::kept_in(&path, Timestamp::now()));
    let (measured_in, measured) = watch::channel(Arc::from("null"));
    let (feeder, feed) = Feeder::new(states.clone(), measured, history);
    let streams = Arc::new(Semaphore::new(stream::MOST));
    let charts = Charts::of(metrics);
    let looking = streams.clone();
    let is_looked_at = move || looking.available_permits() < stream::MOST;
    let measuring = tokio::spawn(charts.clone().follow(fleet.state(), is_looked_at, measured_in));
    let about = serde_json::json!({"fleet": fleet_name, "entry": entry, "mode": shown::mode(&mode)});
    let context = Context {
        run: uuid::Uuid::new_v4().simple().to_string().into(),
        about: about.to_string().into(),
        fleet_name: fleet_name.into(),
        lease,
        fleet,
        policies,
        journal,
        feed,
        charts,
        states,
        port: address.port(),
        is_public: settings.public_read,
        has_links: settings.listen.is_loopback(),
        sessions: Sessions::new(LONGEST),
        links,
        accounts,
        openid,
        orders: Orders::default(),
        meters: Arc::default(),
        wrong: Arc::default(),
        streams,
    };
    let (meters, counted) = (context.meters.clone(), context.journal.clone());
    let counting = tokio::spawn(async move { meters.follow(&counted).await });
    let listener = TcpListener::from_std(listener)?;
    let acceptor = tls.as_ref().map(Tls::acceptor);
    let routes = router(context.clone(), Gate::of(&settings));
    let watching = tokio::spawn(watch_files(context, tls));
    connections::serve(listener, acceptor, routes, feeder.run()).await;
    counting.abort();
    measuring.abort();
    watching.abort();
    Ok(())
}

/// Takes what has changed in the files that people change meanwhile.
async fn watch_files(context: Context, mut tls: Option<Tls>) {
    let mut look = interval(LOOK);
    loop {
        look.tick().await;
        if let Some(tls) = &mut tls {
            tls.refresh();
        }
        if context.accounts.refresh() {
            for person in access::end_outdated(&context.sessions, &context.accounts) {
                context.journal.write(Stamped::now(Event::SignedOut { user: person.user }));
            }
        }
    }
}

/// Every route, with the role that it needs.
fn router(context: Context, gate: Gate) -> Router {
    let anybody = Router::new()
        .route("/", get(assets::page))
        .route("/assets/{name}", get(assets::file))
        .route("/healthz", get(api::health))
        .route("/metrics", get(api::metrics))
        .route("/api/v1/openapi.json", get(api::openapi))
        .route("/api/v1/session", get(sign_in::who).post(sign_in::sign_in).delete(sign_in::sign_out));
    let viewers = Router::new()
        .route("/api/v1/fleet", get(api::fleet))
        .route("/api/v1/events", get(api::events))
        .route("/api/v1/charts/instances", get(api::history))
        .route("/api/v1/charts/cpu", get(api::cpu))
        .route("/api/v1/charts/requests", get(api::requests))
        .route("/api/v1/policy", get(api::policy))
        .route("/api/v1/stream", get(stream::stream))
        .route_layer(from_fn_with_state(For::Viewers { everybody: context.is_public }, access::require));
    let people = Router::new()
        .route("/api/v1/leases", get(leases::leases).post(leases::command))
        .route("/api/v1/leases/{instance}/log", get(leases::log))
        .route_layer(from_fn_with_state(For::People, access::require));
    let operators = Router::new()
        .route("/api/v1/commands", post(api::command))
        .route("/api/v1/policy", post(api::switch))
        .route_layer(from_fn_with_state(For::Operators, access::require));
    anybody
        .merge(openid::routes(&context))
        .merge(viewers)
        .merge(people)
        .merge(operators)
        .fallback(nowhere)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn_with_state(context.clone(), access::sessions))
        .layer(from_fn(body::whole))
        .layer(CsrfLayer::new().with_rejection_response(from_elsewhere))
        .layer(map_response(answer::in_words))
        // The last layer is the first that a request meets.
        .layer(from_fn_with_state(gate, guard::guard))
        .with_state(context)
}

fn from_elsewhere(_: ProtectionError) -> Response {
    error(StatusCode::FORBIDDEN, "this request comes from another site: open this page itself, and do it there")
}

async fn nowhere() -> Response {
    error(StatusCode::NOT_FOUND, "there is nothing at this address: the page is at /")
}

async fn no_such_method() -> Response {
    error(StatusCode::METHOD_NOT_ALLOWED, "this address does not take that method")
}
