//! Whose certificates are believed: those on Mozilla's list, which is linked in. To read
//! and parse the system's store would cost more CPU than the rest of a cold start.

use lambda_runtime::Error;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

/// What platforms, bots and hooks are called with, and AWS unless a bundle is named.
///
/// # Errors
/// When ring does not know TLS 1.2 and 1.3, which it does.
pub(super) fn of_the_web() -> Result<ClientConfig, Error> {
    believing(RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    })
}

/// What AWS is called with. Where `AWS_CA_BUNDLE` names a file of certificates (PEM), as
/// for all of AWS's SDKs, those are believed instead: a stand-in for AWS has no others.
///
/// # Errors
/// When the bundle cannot be read.
pub(super) fn of_aws() -> Result<ClientConfig, Error> {
    let Some(bundle) = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) else {
        return of_the_web();
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(bundle)? {
        roots.add(certificate?)?;
    }
    believing(roots)
}

fn believing(roots: RootCertStore) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amazon_is_believed() {
        assert!(of_the_web().is_ok());
        // Amazon Root CA 1 to 4, which AWS's endpoints have certificates under.
        let amazon = b"Amazon Root CA";
        let known = webpki_roots::TLS_SERVER_ROOTS.iter().filter(|root| {
            root.subject
                .windows(amazon.len())
                .any(|part| part == amazon)
        });
        assert_eq!(known.count(), 4);
    }
}
