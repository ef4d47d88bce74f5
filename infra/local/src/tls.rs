//! The process's TLS provider.

/// Installs ring as the provider, once; later calls change nothing.
pub(crate) fn install() {
    let _installed = rustls::crypto::ring::default_provider().install_default();
}
