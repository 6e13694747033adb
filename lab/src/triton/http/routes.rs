//! Routing: from method, path and version to a route of the API.

use hyper::{Method, StatusCode};

use super::answer::Answer;

/// A method and a path of an API. Segments of the path that begin with `:` match anything, also
/// nothing at all, and are parameters.
#[derive(Clone, Debug)]
pub(crate) struct RouteEntry<R> {
    pub(super) method: Method,
    path: &'static str,
    pub(super) route: R,
    /// True if the body is passed on as it is.
    pub(super) raw: bool,
}

impl<R> RouteEntry<R> {
    /// A route whose body is parsed by its Content-Type.
    pub(crate) const fn new(method: Method, path: &'static str, route: R) -> Self {
        Self { method, path, route, raw: false }
    }

    /// A route whose body is taken as it is: neither parsed nor is its Content-MD5 looked at.
    pub(crate) const fn raw(method: Method, path: &'static str, route: R) -> Self {
        Self { method, path, route, raw: true }
    }

    /// The parameters in a path, when it is one of this route's.
    fn parameters(&self, path: &[String]) -> Option<Vec<(&'static str, String)>> {
        let mut wanted = self.path.split('/').skip(1);
        let mut parameters = Vec::new();
        for segment in path {
            let wanted = wanted.next()?;
            match wanted.strip_prefix(':') {
                Some(name) => parameters.push((name, segment.clone())),
                None if wanted == segment => {}
                None => return None,
            }
        }
        wanted.next().is_none().then_some(parameters)
    }
}

/// A route and the parameters in the path.
pub(super) type Found<'a, R> = (&'a RouteEntry<R>, Vec<(&'static str, String)>);

/// Finds the route of a request. What there is no route for is answered as restify's router does.
pub(super) fn find<'a, R>(
    routes: &'a [RouteEntry<R>],
    method: &Method,
    path: &[String],
    target: &str,
) -> Result<Found<'a, R>, Answer> {
    let mut allowed: Vec<&str> = Vec::new();
    for entry in routes {
        let Some(parameters) = entry.parameters(path) else { continue };
        if entry.method == *method {
            return Ok((entry, parameters));
        }
        if !allowed.contains(&entry.method.as_str()) {
            allowed.push(entry.method.as_str());
        }
    }
    if allowed.is_empty() {
        let message = format!("{target} does not exist");
        return Err(Answer::error(StatusCode::NOT_FOUND, "ResourceNotFound", message));
    }
    let message = format!("{method} is not allowed");
    let answer = Answer::error(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowedError", message);
    Err(answer.with_header("allow", &allowed.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: &[RouteEntry<u8>] = &[
        RouteEntry::new(Method::POST, "/images", 0),
        RouteEntry::new(Method::GET, "/images", 1),
        RouteEntry::new(Method::GET, "/images/:uuid", 2),
        RouteEntry::raw(Method::PUT, "/images/:uuid/file", 3),
    ];

    type Looked = (u8, Vec<(&'static str, String)>);

    fn look(method: &Method, path: &str) -> Result<Looked, Answer> {
        let segments: Vec<String> = path.split('/').skip(1).map(str::to_owned).collect();
        find(ROUTES, method, &segments, path).map(|(entry, parameters)| (entry.route, parameters))
    }

    #[test]
    fn paths_are_matched_whole() {
        assert_eq!(look(&Method::GET, "/images").unwrap(), (1, vec![]));
        assert_eq!(
            look(&Method::PUT, "/images/a/file").unwrap(),
            (3, vec![("uuid", "a".to_owned())])
        );
        let missing = look(&Method::GET, "/images/a/b/c").unwrap_err();
        assert_eq!(missing.status(), StatusCode::NOT_FOUND);
        assert_eq!(look(&Method::GET, "/images/").unwrap(), (2, vec![("uuid", String::new())]));
    }

    #[test]
    fn another_method_is_told_which_there_are() {
        let answer = look(&Method::DELETE, "/images").unwrap_err();
        assert_eq!(answer.headers[0].1, "POST, GET");
    }
}
