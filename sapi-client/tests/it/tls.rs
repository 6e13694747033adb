//! A server that speaks TLS with a certificate of its own authority.

use std::sync::Arc;
use std::time::Duration;

use sapi_client::sapi::{Mode, Sapi};
use sapi_client::{ErrorKind, HttpTransport, TransportSetupError};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, version};

use crate::support::{Act, Server, json, settings};

const AUTHORITY: &[u8] = include_bytes!("../../testdata/tls/ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("../../testdata/tls/server.pem");
const KEY: &[u8] = include_bytes!("../../testdata/tls/server.key");
const TIMEOUT: Duration = Duration::from_secs(5);

/// A SAPI behind TLS 1.3 that answers every request with its mode; its port.
async fn start() -> u16 {
    let certificates = CertificateDer::pem_slice_iter(CERTIFICATE).collect::<Result<_, _>>();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates.unwrap(), PrivateKeyDer::from_pem_slice(KEY).unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let Act::Bytes(answer) = json(200, &json!("full")) else { panic!("an answer is bytes") };
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that does not trust the certificate goes away here.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(&answer).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    port
}

fn sapi(url: &str, transport: HttpTransport) -> Sapi<HttpTransport> {
    Sapi::new(url.parse().unwrap(), transport, settings())
}

#[tokio::test]
async fn a_server_is_trusted_by_the_authority_that_signed_it() {
    let url = format!("https://127.0.0.1:{}", start().await);
    let trusting = HttpTransport::trusting(TIMEOUT, AUTHORITY).unwrap();
    assert_eq!(sapi(&url, trusting).mode().await.unwrap(), Mode::Full);

    let strange = sapi(&url, HttpTransport::new(TIMEOUT).unwrap()).mode().await.unwrap_err();
    let ErrorKind::Tls(cause) = strange.kind() else { panic!("{strange:?}") };
    assert_eq!(cause.to_string(), "invalid peer certificate: UnknownIssuer");
    assert!(strange.to_string().contains("trust the authority that signed it"), "{strange}");
    assert!(!strange.is_retryable() && !strange.outcome_unknown(), "{strange}");
}

#[tokio::test]
async fn a_certificate_of_another_host_is_refused() {
    let url = format!("https://localhost:{}", start().await);
    let trusting = HttpTransport::trusting(TIMEOUT, AUTHORITY).unwrap();
    let error = sapi(&url, trusting).mode().await.unwrap_err();
    let ErrorKind::Tls(cause) = error.kind() else { panic!("{error:?}") };
    assert!(cause.to_string().contains("localhost"), "{cause}");
}

#[tokio::test]
async fn a_server_without_tls_is_no_tls_server_and_stays_an_http_server() {
    let server = Server::script([json(200, &json!("proto"))]).await;
    let trusting = HttpTransport::trusting(TIMEOUT, AUTHORITY).unwrap();
    assert_eq!(sapi(server.url().as_str(), trusting.clone()).mode().await.unwrap(), Mode::Proto);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
    });
    let error = sapi(&url, trusting).mode().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Tls(_)), "{error:?}");
}

#[test]
fn what_is_no_certificate_is_not_trusted() {
    for bad in [
        &b"hello"[..],
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n",
        KEY,
    ] {
        let error = HttpTransport::trusting(TIMEOUT, bad).unwrap_err();
        assert!(matches!(error, TransportSetupError::Authorities(_)), "{error:?}");
    }
}
