//! A certificate for `localhost` from an authority of the tests' own, made anew each
//! time: whoever talks to AWS talks TLS, and measuring it without would flatter.

use axum::Router;
use axum::serve::Listener;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A server's certificate, and where whoever shall believe it finds the authority's.
#[derive(Clone, Debug)]
pub struct Certificate {
    server: Arc<ServerConfig>,
    authority: PathBuf,
}

/// A router behind TLS. Dropping it closes the port.
#[derive(Debug)]
pub struct Secure {
    /// Such as `https://localhost:40123`.
    pub url: String,
    accepting: JoinHandle<()>,
}

impl Certificate {
    /// Makes one, with keys on the curve P-256, and writes the authority's certificate
    /// into this folder, as PEM.
    ///
    /// # Errors
    /// When it cannot be made or written.
    pub fn make(folder: &Path) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let mut params = CertificateParams::default();
        // Two of one name would look like one that signed itself.
        params
            .distinguished_name
            .push(DnType::CommonName, "authority of the tests");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        let root = params.self_signed(&key)?;
        let issuer = Issuer::new(params, key);
        let server_key = KeyPair::generate()?;
        let params = CertificateParams::new(vec!["localhost".to_owned()])?;
        let server = params.signed_by(&server_key, &issuer)?;
        let authority = folder.join("test-authority.pem");
        std::fs::write(&authority, root.pem())?;
        let secret = PrivateKeyDer::Pkcs8(server_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![server.der().clone()], secret)?;
        Ok(Self {
            server: Arc::new(config),
            authority,
        })
    }

    /// The file with the authority's certificate.
    #[must_use]
    pub fn authority(&self) -> &Path {
        &self.authority
    }

    /// Serves a router on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn serve(&self, router: Router) -> io::Result<Secure> {
        let tcp = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
        let port = tcp.local_addr()?.port();
        let tls = TlsAcceptor::from(Arc::clone(&self.server));
        let accepting = tokio::spawn(async move {
            // axum's loop ends only with its task.
            let _ended = axum::serve(Accepted { tcp, tls }, router).await;
        });
        Ok(Secure {
            url: format!("https://localhost:{port}"),
            accepting,
        })
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Connections, once they are encrypted. One handshake at a time: the measured program
/// is the only client.
struct Accepted {
    tcp: TcpListener,
    tls: TlsAcceptor,
}

impl Listener for Accepted {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            // A client that breaks off is no reason to stop.
            let Ok((stream, from)) = self.tcp.accept().await else {
                continue;
            };
            let _slower = stream.set_nodelay(true);
            if let Ok(stream) = self.tls.accept(stream).await {
                return (stream, from);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
