//! The connections. In: a listener, TLS where that is asked for, the routes. Out: HTTP/1 on each connection, until the
//! run has ended. Whatever a connection comes over, it is one type: hyper is compiled once.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::select;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::Service;

use super::remote::Acceptor;

/// How long a handshake and a request's head may take.
const WITHIN: Duration = Duration::from_secs(10);
/// How long the next try waits where no connection can be taken: the system has no more of them for now.
const PAUSE: Duration = Duration::from_millis(100);
/// How long open connections may take when the run has ended.
const LAST_WORDS: Duration = Duration::from_millis(500);

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Serves what connects until the run has ended, and those that are open a moment longer.
pub async fn serve(listener: TcpListener, tls: Option<Acceptor>, routes: Router, run: impl Future<Output = ()>) {
    let (closing, mut open) = (GracefulShutdown::new(), JoinSet::new());
    let mut run = pin!(run);
    loop {
        select! {
            () = &mut run => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    open.spawn(connection(stream, peer, tls.clone(), routes.clone(), closing.watcher()));
                }
                Err(error) => {
                    tracing::debug!("a browser cannot connect: {error}");
                    sleep(PAUSE).await;
                }
            },
            Some(_) = open.join_next() => {}
        }
    }
    drop(listener);
    let _ = timeout(LAST_WORDS, closing.shutdown()).await;
}

/// Serves one. What goes wrong with it is its browser's own affair.
async fn connection(stream: TcpStream, peer: SocketAddr, tls: Option<Acceptor>, routes: Router, closing: Watcher) {
    let stream: Box<dyn Stream> = match tls {
        None => Box::new(stream),
        Some(tls) => match timeout(WITHIN, tls.accept(stream)).await {
            Ok(Ok(stream)) => Box::new(stream),
            _ => return,
        },
    };
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        routes.clone().call(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(WITHIN);
    let _ = closing.watch(http.serve_connection(TokioIo::new(stream), service)).await;
}
