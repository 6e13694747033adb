//! Faults that an API can be given: what a lab breaks on purpose.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use hyper::Method;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// An emulated API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApiName {
    /// SAPI.
    Sapi,
    /// IMGAPI.
    Imgapi,
    /// VMAPI.
    Vmapi,
    /// CNAPI.
    Cnapi,
}

/// The thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// 500 `InternalError`; nothing is done.
    Error500,
    /// 503 `ServiceUnavailableError`; nothing is done.
    Unavailable503,
    /// No answer, and nothing is done. The connection ends when the fault is taken away.
    Hang,
    /// The connection ends without an answer; nothing is done.
    CutBeforeActing,
    /// The request is done, and the connection ends without an answer.
    CutAfterActing,
}

/// A fault, and which requests it meets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiFault {
    /// The thing that goes wrong.
    pub kind: FaultKind,
    /// Only requests of this method. Default: of any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only requests whose path begins so. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// So many of these requests are answered well before it begins. Default: 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub after: u32,
    /// After that many requests the API is well again. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u32>,
}

impl ApiFault {
    /// A fault that meets all requests until it is taken away.
    pub const fn new(kind: FaultKind) -> Self {
        Self { kind, method: None, path: None, after: 0, requests: None }
    }

    fn meets(&self, method: &Method, path: &str) -> bool {
        let method =
            self.method.as_ref().is_none_or(|only| method.as_str().eq_ignore_ascii_case(only));
        method && self.path.as_ref().is_none_or(|prefix| path.starts_with(prefix))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl fmt::Display for ApiName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sapi => "SAPI",
            Self::Imgapi => "IMGAPI",
            Self::Vmapi => "VMAPI",
            Self::Cnapi => "CNAPI",
        })
    }
}

impl fmt::Display for ApiFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            FaultKind::Error500 => "answers 500",
            FaultKind::Unavailable503 => "answers 503",
            FaultKind::Hang => "never answers",
            FaultKind::CutBeforeActing => "cuts connections before acting",
            FaultKind::CutAfterActing => "cuts connections after acting",
        })?;
        if let Some(method) = &self.method {
            write!(f, ", to {method}")?;
        }
        if let Some(path) = &self.path {
            write!(f, ", at {path}…")?;
        }
        if self.after > 0 {
            write!(f, ", after {} that it answers", self.after)?;
        }
        match self.requests {
            Some(requests) => write!(f, ", {requests} times"),
            None => Ok(()),
        }
    }
}

/// The faults of all APIs of a lab: at most one each. Clones are the same.
#[derive(Clone, Debug)]
pub struct ApiFaults(Arc<watch::Sender<BTreeMap<ApiName, Active>>>);

#[derive(Clone, Debug)]
struct Active {
    fault: ApiFault,
    /// Requests that it may still meet.
    left: Option<u32>,
}

impl Default for ApiFaults {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(BTreeMap::new())))
    }
}

impl ApiFaults {
    /// Gives an API a fault, in place of the one that it has.
    pub fn set(&self, api: ApiName, fault: ApiFault) {
        let left = fault.requests;
        self.0.send_modify(|faults| {
            faults.insert(api, Active { fault, left });
        });
    }

    /// Takes the fault of an API away.
    pub fn clear(&self, api: ApiName) {
        self.0.send_modify(|faults| {
            faults.remove(&api);
        });
    }

    /// Takes all faults away.
    pub fn clear_all(&self) {
        self.0.send_modify(BTreeMap::clear);
    }

    /// The faults that there are now. `requests` is how many more they will meet.
    pub fn list(&self) -> BTreeMap<ApiName, ApiFault> {
        self.0
            .borrow()
            .iter()
            .filter(|(_, active)| active.left != Some(0))
            .map(|(api, active)| (*api, ApiFault { requests: active.left, ..active.fault.clone() }))
            .collect()
    }

    /// The point that the server of an API asks.
    pub fn of(&self, api: ApiName) -> FaultPoint {
        FaultPoint(Some((self.clone(), api)))
    }
}

/// The point at which a server asks whether it is broken.
#[derive(Clone, Debug)]
pub struct FaultPoint(Option<(ApiFaults, ApiName)>);

impl FaultPoint {
    /// Of a server that never is.
    pub const fn none() -> Self {
        Self(None)
    }

    /// The fault that meets a request. Counts the request.
    pub(super) fn meet(&self, method: &Method, path: &str) -> Option<FaultKind> {
        let (faults, api) = self.0.as_ref()?;
        let mut met = None;
        faults.0.send_if_modified(|faults| {
            if let Some(active) = faults.get_mut(api)
                && active.left != Some(0)
                && active.fault.meets(method, path)
            {
                if active.fault.after > 0 {
                    active.fault.after -= 1;
                    return false;
                }
                active.left = active.left.map(|left| left.saturating_sub(1));
                met = Some(active.fault.kind);
            }
            false
        });
        met
    }

    /// Waits until the API's fault is changed or taken away.
    pub(super) async fn changed(&self) {
        let Some((faults, api)) = &self.0 else { return };
        let mut watched = faults.0.subscribe();
        // An error would mean that the sender is gone, and this holds it.
        drop(
            watched
                .wait_for(|faults| {
                    faults.get(api).is_none_or(|active| active.fault.kind != FaultKind::Hang)
                })
                .await,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_meets_the_requests_that_it_names_and_no_more_than_it_says() {
        let faults = ApiFaults::default();
        let point = faults.of(ApiName::Sapi);
        assert_eq!(point.meet(&Method::PUT, "/x"), None);
        let fault: ApiFault = serde_json::from_str(
            r#"{"kind": "cut-after-acting", "method": "put", "path": "/applications", "requests": 2}"#,
        )
        .unwrap();
        faults.set(ApiName::Sapi, fault);
        assert_eq!(point.meet(&Method::GET, "/applications"), None);
        assert_eq!(point.meet(&Method::PUT, "/services/1"), None);
        assert_eq!(faults.of(ApiName::Vmapi).meet(&Method::PUT, "/applications/1"), None);
        assert_eq!(point.meet(&Method::PUT, "/applications/1"), Some(FaultKind::CutAfterActing));
        assert_eq!(faults.list()[&ApiName::Sapi].requests, Some(1));
        assert_eq!(point.meet(&Method::PUT, "/applications/1"), Some(FaultKind::CutAfterActing));
        assert_eq!(point.meet(&Method::PUT, "/applications/1"), None);
        assert!(faults.list().is_empty());
    }

    #[test]
    fn a_fault_can_meet_the_third_request_only() {
        let faults = ApiFaults::default();
        let point = faults.of(ApiName::Cnapi);
        let third = ApiFault {
            after: 2,
            requests: Some(1),
            path: Some("/servers".to_owned()),
            ..ApiFault::new(FaultKind::Error500)
        };
        assert_eq!(
            third.to_string(),
            "answers 500, at /servers…, after 2 that it answers, 1 times"
        );
        faults.set(ApiName::Cnapi, third);
        let meet = |path| point.meet(&Method::GET, path);
        assert_eq!((meet("/servers"), meet("/ping"), meet("/servers")), (None, None, None));
        assert_eq!((meet("/servers"), meet("/servers")), (Some(FaultKind::Error500), None));
    }
}
