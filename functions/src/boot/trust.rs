//! Whose certificates are believed. Reading and parsing the system's store would cost
//! more CPU than the rest of a cold start together, so both lists are linked in.

use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use lambda_runtime::Error;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

/// The roots that AWS's endpoints have certificates under: the Amazon Root CAs and the
/// Starfield root that older clients know them by. Source: Amazon Trust Services,
/// <https://www.amazontrust.com/repository/>.
const AMAZON_ROOTS: &str = include_str!("amazon_roots.pem");

/// What the SDK's clients believe: Amazon's roots. The system's store instead where an
/// endpoint of other people may be called: in the regions of China, which have an
/// operator of their own, and where `AWS_ENDPOINT_URL*` names an HTTPS one.
///
/// # Errors
/// None in practice: the builder has one for other back ends.
pub(super) fn of_aws(region: &str) -> Result<TlsContext, Error> {
    let redirected = std::env::vars_os().any(|(name, url)| {
        let is = |text: &std::ffi::OsStr, start| {
            text.to_str().is_some_and(|text| text.starts_with(start))
        };
        is(&name, "AWS_ENDPOINT_URL") && is(&url, "https:")
    });
    Ok(TlsContext::builder()
        .with_trust_store(store(region, redirected))
        .build()?)
}

fn store(region: &str, redirected: bool) -> TrustStore {
    if redirected || region.starts_with("cn-") {
        TrustStore::default()
    } else {
        TrustStore::empty().with_pem_certificate(AMAZON_ROOTS)
    }
}

/// What the client for platforms, bots and hooks believes: Mozilla's list.
///
/// # Errors
/// When ring does not know TLS 1.2 and 1.3, which it does.
pub(super) fn of_the_web() -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    #[test]
    fn amazons_roots_are_five_of_the_webs() {
        let parsed: Vec<_> = CertificateDer::pem_slice_iter(AMAZON_ROOTS.as_bytes())
            .map(|root| root.expect("a certificate"))
            .collect();
        assert_eq!(parsed.len(), 5);
        let mut amazons = RootCertStore::empty();
        for root in parsed {
            amazons.add(root).expect("usable");
        }
        for root in amazons.roots {
            assert!(
                webpki_roots::TLS_SERVER_ROOTS
                    .iter()
                    .any(|known| known.subject == root.subject
                        && known.subject_public_key_info == root.subject_public_key_info),
                "{root:?} is not on Mozilla's list"
            );
        }
    }

    #[test]
    fn only_amazon_itself_is_asked_for_amazons_certificates() {
        let linked = format!("{:?}", store("eu-central-1", false));
        assert!(linked.contains("enable_native_roots: false"));
        for system in [store("cn-north-1", false), store("eu-central-1", true)] {
            assert!(format!("{system:?}").contains("enable_native_roots: true"));
        }
    }

    #[test]
    fn the_web_is_believed_without_the_systems_store() {
        assert!(of_the_web().is_ok());
    }
}
