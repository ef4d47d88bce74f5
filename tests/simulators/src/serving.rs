//! A router on a local port, and the one HTTP client of the simulators.

use std::future::IntoFuture as _;
use std::io;
use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A running server. Dropping it closes the port and the idle connections;
/// calls that are being answered are finished.
#[derive(Debug)]
pub struct Served {
    /// Where it listens, such as `http://127.0.0.1:40123`, without a final slash.
    pub base_url: String,
    /// The same as a socket address.
    pub address: SocketAddr,
    /// Dropping the sender is the signal to stop.
    _stop: oneshot::Sender<()>,
}

/// Serves `router` on a free port of 127.0.0.1.
///
/// # Errors
/// When no port can be bound.
pub async fn serve(router: Router) -> io::Result<Served> {
    serve_at(router, SocketAddr::from(([127, 0, 0, 1], 0))).await
}

/// Serves `router` on `address`; port 0 means a free one. A test that brings a
/// dead receiver back to life uses the address it had.
///
/// # Errors
/// When the address cannot be bound.
pub async fn serve_at(router: Router, address: SocketAddr) -> io::Result<Served> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        let _dropped = stopped.await;
    });
    // The accept loop of axum never ends with an error.
    tokio::spawn(server.into_future());
    Ok(Served {
        base_url: format!("http://{address}"),
        address,
        _stop: stop,
    })
}

/// A client that follows no redirect: neither Gladly's deliveries nor a bot's
/// calls may be led elsewhere.
///
/// # Errors
/// When the TLS back end cannot be set up.
pub(crate) fn client() -> reqwest::Result<reqwest::Client> {
    // The TLS back end is built without a provider of its own. Whoever installed
    // one first wins, and either will do.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
}
