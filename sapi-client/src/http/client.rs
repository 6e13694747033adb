//! Running a call: time limits, size limits, repetition, and what is logged.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use tokio::time::{Instant, timeout};
use tracing::Instrument;
use uuid::Uuid;

use crate::http::error::{Context, Error, ErrorKind};
use crate::http::{
    Answer, AnswerBody, AnswerKind, AnswerLimits, BaseUrl, Call, Incoming, Outgoing, OutgoingBody,
    Request, Retry, Transport, TransportError,
};

/// Limits of a client.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The longest time for one try of a call, from connecting to the end of the answer. 60 s. Calls that wait for
    /// something to happen have longer ones of their own, and file transfers none but `silence`.
    pub timeout: Duration,
    /// The longest time without a byte while a file is transferred. 60 s.
    pub silence: Duration,
    /// The largest answers.
    pub largest: AnswerLimits,
    /// Repetition of calls.
    pub retry: Retry,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_mins(1),
            silence: Duration::from_mins(1),
            largest: AnswerLimits::default(),
            retry: Retry::default(),
        }
    }
}

/// The part that the clients of the four APIs share: an address, a transport and limits.
#[derive(Clone, Debug)]
pub struct Client<T> {
    transport: T,
    base: BaseUrl,
    settings: Settings,
    api: &'static str,
}

/// One try of a request.
pub(crate) struct Attempt<'a> {
    pub(crate) request: &'a Request,
    pub(crate) request_id: &'a str,
    pub(crate) body: OutgoingBody,
}

impl<T: Transport> Client<T> {
    pub(crate) fn new(api: &'static str, base: BaseUrl, transport: T, settings: Settings) -> Self {
        Self { transport, base, settings, api }
    }

    /// The API, such as `SAPI`.
    pub fn api(&self) -> &'static str {
        self.api
    }

    /// The server's address.
    pub fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// The limits.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Runs a call, repeating it as [`Retry`] says.
    ///
    /// # Errors
    ///
    /// [`Error`], that of the last try.
    pub async fn run<A>(&self, call: &Call<A>) -> Result<A, Error> {
        let request_id = new_request_id();
        let span = self.span(&call.request, &request_id);
        self.repeat(call, &request_id).instrument(span).await
    }

    async fn repeat<A>(&self, call: &Call<A>, request_id: &str) -> Result<A, Error> {
        let mut pauses = self.settings.retry.start();
        let mut unsettled = false;
        loop {
            let error = match self.once(call, request_id).await {
                Ok(answer) => return Ok(answer),
                Err(kind) => self.error(&call.request, request_id, kind).after(unsettled),
            };
            unsettled = error.outcome_unknown();
            let pause = if error.is_retryable() { pauses.next() } else { None };
            let Some(pause) = pause else { return Err(error) };
            tracing::warn!(%error, pause_ms = pause.as_millis(), "the call is repeated");
            tokio::time::sleep(pause).await;
        }
    }

    async fn once<A>(&self, call: &Call<A>, request_id: &str) -> Result<A, ErrorKind> {
        let limit = call.request.timeout.unwrap_or(self.settings.timeout);
        let body = call.request.body.clone().map_or(OutgoingBody::Empty, OutgoingBody::Bytes);
        let attempt = Attempt { request: &call.request, request_id, body };
        let started = Instant::now();
        let kind = call.request.answer;
        let whole = async { self.collect(self.send(attempt).await?, kind).await };
        let answer = timeout(limit, whole).await.map_err(|_| ErrorKind::Timeout(limit))??;
        let elapsed_ms = started.elapsed().as_millis();
        tracing::debug!(status = answer.status, bytes = answer.body.len(), elapsed_ms, "answered");
        call.read(&answer)
    }

    /// Sends a request once and gives the head of the answer.
    pub(crate) async fn send(&self, attempt: Attempt<'_>) -> Result<Incoming<T::Body>, ErrorKind> {
        let mut headers = attempt.request.headers.clone();
        headers.push(("x-request-id", attempt.request_id.to_owned()));
        let outgoing = Outgoing {
            method: attempt.request.method,
            url: format!("{}{}", self.base, attempt.request.path),
            headers,
            body: attempt.body,
        };
        self.transport.send(outgoing).await.map_err(transport_failure)
    }

    /// Reads a whole answer of this kind, or as much of a refusal as is allowed.
    pub(crate) async fn collect(
        &self,
        mut incoming: Incoming<T::Body>,
        kind: AnswerKind,
    ) -> Result<Answer, ErrorKind> {
        let refused = incoming.status >= 400;
        let kind = if refused { AnswerKind::Refusal } else { kind };
        let limit = self.settings.largest.of(kind);
        let too_large = || ErrorKind::TooLarge { limit, kind };
        let answer = Answer {
            status: incoming.status,
            headers: incoming.headers,
            body: bytes::Bytes::new(),
        };
        let announced =
            answer.header("content-length").and_then(|length| length.parse::<u64>().ok());
        if !refused && announced.is_some_and(|announced| announced > limit) {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = incoming.body.chunk().await.map_err(transport_failure)? {
            if (body.len() as u64).saturating_add(chunk.len() as u64) > limit {
                if refused {
                    break;
                }
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { body: body.freeze(), ..answer })
    }

    pub(crate) fn error(&self, request: &Request, request_id: &str, kind: ErrorKind) -> Error {
        let Request { method, path, effect, .. } = request;
        let context = Context {
            api: self.api,
            base: &self.base,
            method: *method,
            path,
            request_id,
            effect: *effect,
        };
        Error::new(&context, kind)
    }

    /// An error of a call that is not made.
    pub(crate) fn refuse(&self, request: &Request, why: impl Into<String>) -> Error {
        self.error(request, "none", ErrorKind::Refused(why.into()))
    }

    pub(crate) fn span(&self, request: &Request, request_id: &str) -> tracing::Span {
        let (api, method, path) = (self.api, request.method.as_str(), request.path.as_str());
        tracing::debug_span!("triton", api, method, path, request_id)
    }
}

pub(crate) fn new_request_id() -> String {
    Uuid::new_v4().to_string()
}

pub(crate) fn transport_failure(error: TransportError) -> ErrorKind {
    match error {
        TransportError::Connect(cause) => ErrorKind::Connect(cause),
        TransportError::Tls(cause) => ErrorKind::Tls(cause),
        TransportError::Broken(cause) => ErrorKind::Cut(cause),
    }
}

/// Runs a transfer as long as `progress` moves at least once in every `silence`.
pub(crate) async fn while_moving<F: Future>(
    silence: Duration,
    progress: &Arc<AtomicU64>,
    transfer: F,
) -> Result<F::Output, ErrorKind> {
    let mut transfer = std::pin::pin!(transfer);
    let mut seen = progress.load(Ordering::Relaxed);
    loop {
        match timeout(silence, transfer.as_mut()).await {
            Ok(output) => return Ok(output),
            Err(_) => {
                let now = progress.load(Ordering::Relaxed);
                if now == seen {
                    return Err(ErrorKind::Timeout(silence));
                }
                seen = now;
            }
        }
    }
}
