//! The transport over reqwest: HTTP/1.1, one connection for each request.

use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, ReadBuf};

use crate::http::error::BoxError;
use crate::http::{
    AnswerBody, Incoming, Method, Outgoing, OutgoingBody, Transport, TransportError,
};

/// Speaks HTTP over reqwest.
///
/// It follows no redirects and reads no proxy settings from the environment. Each request has a connection of its own:
/// a request on an idle connection that the server is just closing would end as "outcome unknown", and that costs more
/// than a handshake in the admin network.
///
/// With the feature `rustls` it also speaks TLS. It then trusts the public authorities, and those given to
/// `trusting`.
#[derive(Clone, Debug)]
pub struct HttpTransport(reqwest::Client);

/// The transport could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportSetupError {
    /// The system denies what the HTTP library needs.
    #[error("cannot set up the HTTP client")]
    Http(#[source] BoxError),
    /// rustls does not take the configuration.
    #[cfg(feature = "rustls")]
    #[error("cannot set up TLS")]
    Tls(#[source] BoxError),
    /// The text that should be certificates of authorities is not. Without a cause: there is no certificate in it.
    #[cfg(feature = "rustls")]
    #[error(
        "the certificates to be trusted are not certificates in PEM (-----BEGIN CERTIFICATE-----)"
    )]
    Authorities(#[source] Option<BoxError>),
}

impl HttpTransport {
    /// A transport that gives up connecting after `connect_timeout`.
    ///
    /// # Errors
    ///
    /// If the system denies what the HTTP library needs.
    pub fn new(connect_timeout: Duration) -> Result<Self, TransportSetupError> {
        #[cfg(feature = "rustls")]
        return Self::trusting(connect_timeout, b"");
        #[cfg(not(feature = "rustls"))]
        Self::build(reqwest::Client::builder(), connect_timeout)
    }

    /// A transport that also trusts servers whose certificates are signed by the authorities in `pem`: one certificate
    /// or several, as in a file of `-----BEGIN CERTIFICATE-----` parts. Installations of Triton mostly have their own.
    ///
    /// The server's certificate must be one of a server, naming its host as a subject alternative name. What
    /// `openssl req -x509` makes unless told otherwise is an authority's, and names none: it is refused even where it
    /// is trusted itself.
    ///
    /// # Errors
    ///
    /// [`TransportSetupError`]
    #[cfg(feature = "rustls")]
    pub fn trusting(connect_timeout: Duration, pem: &[u8]) -> Result<Self, TransportSetupError> {
        let tls = crate::http::tls::configuration(pem)?;
        Self::build(reqwest::Client::builder().tls_backend_preconfigured(tls), connect_timeout)
    }

    fn build(
        builder: reqwest::ClientBuilder,
        connect_timeout: Duration,
    ) -> Result<Self, TransportSetupError> {
        builder
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .http1_only()
            .pool_max_idle_per_host(0)
            .connect_timeout(connect_timeout)
            .user_agent(concat!("sapi-client/", env!("CARGO_PKG_VERSION")))
            .build()
            .map(Self)
            .map_err(|error| TransportSetupError::Http(error.into()))
    }
}

impl Transport for HttpTransport {
    type Body = HttpBody;

    async fn send(&self, request: Outgoing) -> Result<Incoming<HttpBody>, TransportError> {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut builder = self.0.request(method, request.url);
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        builder = match request.body {
            OutgoingBody::Empty => builder,
            OutgoingBody::Bytes(bytes) => builder.body(bytes),
            OutgoingBody::Reader { reader, length } => {
                builder.body(reqwest::Body::wrap(ReaderBody { reader, left: length }))
            }
        };
        let response = builder.send().await.map_err(failure)?;
        let headers = response.headers().iter().map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        Ok(Incoming {
            status: response.status().as_u16(),
            headers: headers.collect(),
            body: HttpBody(response),
        })
    }
}

/// reqwest's text is "error sending request for url ..." everywhere; its cause says what happened.
fn failure(error: reqwest::Error) -> TransportError {
    #[cfg(feature = "rustls")]
    if let Some(objection) = crate::http::tls::objection(&error).filter(|_| error.is_connect()) {
        return TransportError::Tls(objection.clone().into());
    }
    let before_sending = error.is_connect() || error.is_builder();
    let error = error.without_url();
    let cause: BoxError = match error.source() {
        Some(cause) => innermost(cause).into(),
        None => error.into(),
    };
    if before_sending { TransportError::Connect(cause) } else { TransportError::Broken(cause) }
}

fn innermost(mut error: &(dyn StdError + 'static)) -> String {
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// The body of an answer over reqwest.
#[derive(Debug)]
pub struct HttpBody(reqwest::Response);

impl AnswerBody for HttpBody {
    async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        self.0.chunk().await.map_err(|error| match failure(error) {
            TransportError::Connect(cause)
            | TransportError::Tls(cause)
            | TransportError::Broken(cause) => TransportError::Broken(cause),
        })
    }
}

/// A reader as a body of known length, sent with `Content-Length`.
struct ReaderBody {
    reader: Pin<Box<dyn AsyncRead + Send + Sync>>,
    left: u64,
}

/// The number of bytes that are read at a time.
const PIECE: usize = 64 * 1024;

impl Body for ReaderBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut piece = BytesMut::zeroed(PIECE.min(usize::try_from(self.left).unwrap_or(PIECE)));
        let mut buffer = ReadBuf::new(&mut piece);
        match self.reader.as_mut().poll_read(context, &mut buffer) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Some(Err(error))),
            Poll::Ready(Ok(())) => {
                let read = buffer.filled().len();
                if read == 0 {
                    let short = "the file is shorter than it was";
                    return Poll::Ready(Some(Err(std::io::Error::new(
                        std::io::ErrorKind::UnexpectedEof,
                        short,
                    ))));
                }
                piece.truncate(read);
                self.left = self.left.saturating_sub(read as u64);
                Poll::Ready(Some(Ok(Frame::data(piece.freeze()))))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
