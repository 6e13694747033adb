//! TLS for the transport over reqwest: rustls with ring.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::http::TransportSetupError;

/// A configuration that trusts the public authorities and those in `authorities`, which is PEM.
pub(super) fn configuration(authorities: &[u8]) -> Result<ClientConfig, TransportSetupError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for certificate in CertificateDer::pem_slice_iter(authorities) {
        let certificate =
            certificate.map_err(|error| TransportSetupError::Authorities(Some(error.into())))?;
        roots
            .add(certificate)
            .map_err(|error| TransportSetupError::Authorities(Some(error.into())))?;
    }
    if !authorities.is_empty() && roots.len() == webpki_roots::TLS_SERVER_ROOTS.len() {
        return Err(TransportSetupError::Authorities(None));
    }
    // Not the process's default provider: that is the program's to choose, and may not be there.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TransportSetupError::Tls(error.into()))?;
    Ok(versions.with_root_certificates(roots).with_no_client_auth())
}

/// The objection that TLS itself has to a connection, such as a certificate that is not trusted; `None` for all that is not
/// about TLS.
pub(super) fn objection<'a>(
    mut error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a rustls::Error> {
    loop {
        if let Some(objection) = error.downcast_ref() {
            return Some(objection);
        }
        // An I/O error does not give what it wraps as its source, but that one's source.
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        error = match wrapped {
            Some(wrapped) => wrapped,
            None => error.source()?,
        };
    }
}
