//! HTTP as Triton's services speak it: the server, and what the framework under all four of them, restify 4.3, does alike.
//!
//! An API names its routes in a [`Profile`] and answers [`ApiRequest`]s with [`Answer`]s. Everything before and after is
//! here: routing with its 404 and 405, `Accept-Version`, `Accept`, `Content-MD5`, parsing of bodies, headers that every
//! answer has, and faults.

mod accept;
mod answer;
mod decode;
mod fault;
mod request;
mod routes;
mod server;
#[cfg(test)]
mod tests;
mod version;

pub(crate) use answer::Answer;
pub use fault::{ApiFault, ApiFaults, ApiName, FaultKind, FaultPoint};
pub(crate) use request::{ApiRequest, Content, Merge, Query, truthy};
pub(crate) use routes::RouteEntry;
pub use server::ApiServer;
pub(crate) use version::Versions;

/// The greatest body of an ordinary request.
pub(crate) const BODY_LIMIT: usize = 64 * 1024 * 1024;

/// The properties of an API that the server has to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Profile<R: 'static> {
    /// The value of the `Server` header: `sapi/2.1.3`.
    pub(crate) server: &'static str,
    /// All routes. The first that matches path, method and version is taken.
    pub(crate) routes: &'static [RouteEntry<R>],
    /// The versions that `Accept-Version` can ask for. `None`: the header is not looked at.
    pub(crate) versions: Option<Versions>,
    /// True if JSON is indented by two blanks.
    pub(crate) indented: bool,
    /// True if answers have an `x-response-time`.
    pub(crate) response_time: bool,
    /// The greatest body of a request, in bytes: more is 413.
    pub(crate) body_limit: usize,
}

/// An API: what answers requests to its routes.
pub(crate) trait Api: Send + Sync + 'static {
    /// Names a route.
    type Route: Copy + Send + Sync + 'static;

    /// The properties of it that the server has to know.
    fn profile(&self) -> Profile<Self::Route>;

    /// Tells whether a request is given up when its client goes away. Triton's services never do.
    fn gives_up(&self, _route: Self::Route) -> bool {
        false
    }

    /// Answers a request that was routed, and whose body was parsed.
    fn handle(
        &self,
        route: Self::Route,
        request: ApiRequest,
    ) -> impl Future<Output = Answer> + Send;
}
