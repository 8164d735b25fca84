//! The server. In: an address, the parts of a run. Out: the page at that address until the run has ended.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::response::Response;
use axum::routing::{get, post};
use axum_server::Handle as ServerHandle;
use hyper_util::rt::TokioTimer;
use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};
use tower_http::csrf::CsrfLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;

use super::answer::error;
use super::charts::Charts;
use super::context::Context;
use super::feed::Feeder;
use super::history::History;
use super::links::{LinkError, Links};
use super::orders::Orders;
use super::people::Role;
use super::sessions::{LONGEST, Sessions};
use super::settings::Listen;
use super::{access, api, assets, guard, shown, stream};
use crate::clouds::Mode;
use crate::daemon::journal::Journal;
use crate::daemon::state::RunState;
use crate::fleet::Handle;
use crate::metrics::Metrics;
use crate::policy::follow::Policies;

/// Bytes of a request's body. A retire of a hundred instances has three thousand.
const LARGEST_BODY: usize = 16 * 1024;
/// How long a request's head or its body may take.
const WITHIN: Duration = Duration::from_secs(10);
/// How long open connections may take when the run has ended.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    #[error("the page's address {0}")]
    NotHere(String),
    #[error(
        "cannot serve the page at {listen}: {reason}; give --web another address, such as 127.0.0.1:0 for any free port"
    )]
    Taken { listen: Listen, reason: io::Error },
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// An address that is taken for the page.
pub struct Listening {
    listener: TcpListener,
    address: SocketAddr,
    links: Links,
}

/// The parts of a run that the page shows and acts on.
pub struct Sources {
    pub mode: Mode,
    pub fleet_name: String,
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
    pub fn at(listen: Listen) -> Result<Listening, WebError> {
        listen.check().map_err(WebError::NotHere)?;
        let taken = |reason| WebError::Taken { listen, reason };
        let listener = TcpListener::bind(listen.0).map_err(taken)?;
        listener.set_nonblocking(true).map_err(taken)?;
        let address = listener.local_addr().map_err(taken)?;
        let links = Links::of_port(address.port())?;
        // Those of an earlier server.
        links.clear();
        Ok(Listening { listener, address, links })
    }

    /// An address that signs its first visitor in, as an operator.
    pub fn link(&self) -> Result<String, WebError> {
        Ok(link(self.address, &self.links.make(Role::Operator)?))
    }
}

/// The address that signs in by this token. It comes after the `#`, so that it is sent to nobody until the page posts it,
/// and stands in no log.
pub fn link(address: SocketAddr, token: &str) -> String {
    format!("http://{address}/#sign-in={token}")
}

/// Serves the page until the run has ended.
pub async fn serve(listening: Listening, sources: Sources) -> io::Result<()> {
    let Listening { listener, address, links } = listening;
    let Sources { mode, fleet_name, entry, fleet, policies, journal, states, metrics, history } = sources;
    let history = history.map_or_else(History::in_memory, |path| History::kept_in(&path, Timestamp::now()));
    let (measured_in, measured) = watch::channel(Arc::from("null"));
    let (feeder, feed) = Feeder::new(states, measured, history);
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
        fleet,
        policies,
        journal,
        feed,
        charts,
        sessions: Sessions::new(LONGEST),
        links,
        orders: Orders::default(),
        meters: Arc::default(),
        wrong: Arc::default(),
        streams,
    };
    let (meters, counted) = (context.meters.clone(), context.journal.clone());
    let counting = tokio::spawn(async move { meters.follow(&counted).await });
    let handle = ServerHandle::new();
    let mut server = axum_server::from_tcp(listener)?.handle(handle.clone()).http1_only();
    server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(WITHIN);
    let router = router(context, address.port());
    let serving = tokio::spawn(server.serve(router.into_make_service_with_connect_info::<SocketAddr>()));
    feeder.run().await;
    counting.abort();
    measuring.abort();
    handle.graceful_shutdown(Some(LAST_WORDS));
    serving.await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// Every route, with the role that it needs.
fn router(context: Context, port: u16) -> Router {
    let anybody = Router::new()
        .route("/", get(assets::page))
        .route("/assets/{name}", get(assets::file))
        .route("/healthz", get(api::health))
        .route("/metrics", get(api::metrics))
        .route("/api/v1/session", get(access::who).post(access::sign_in).delete(access::sign_out));
    let viewers = Router::new()
        .route("/api/v1/fleet", get(api::fleet))
        .route("/api/v1/events", get(api::events))
        .route("/api/v1/charts/instances", get(api::history))
        .route("/api/v1/charts/cpu", get(api::cpu))
        .route("/api/v1/charts/requests", get(api::requests))
        .route("/api/v1/policy", get(api::policy))
        .route("/api/v1/stream", get(stream::stream))
        .route_layer(from_fn(access::viewers));
    let operators = Router::new()
        .route("/api/v1/commands", post(api::command))
        .route("/api/v1/policy", post(api::switch))
        .route_layer(from_fn(access::operators));
    anybody
        .merge(viewers)
        .merge(operators)
        .fallback(nowhere)
        .method_not_allowed_fallback(no_such_method)
        .layer(access::layer(context.sessions.clone(), port))
        .layer(RequestBodyTimeoutLayer::new(WITHIN))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(CsrfLayer::new())
        // The last layer is the first that a request meets.
        .layer(from_fn(guard::guard))
        .with_state(context)
}

async fn nowhere() -> Response {
    error(StatusCode::NOT_FOUND, "there is nothing at this address: the page is at /")
}

async fn no_such_method() -> Response {
    error(StatusCode::METHOD_NOT_ALLOWED, "this address does not take that method")
}
