//! VMAPI's refusals.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::super::http::Answer;

/// 409 `ValidationFailed`.
pub(super) fn validation(message: &str, errors: Value) -> Answer {
    Answer::error(StatusCode::CONFLICT, "ValidationFailed", message).with_errors(errors)
}

/// 409 for one parameter of the request itself.
pub(super) fn invalid(field: &str, message: &str) -> Answer {
    validation("Invalid Parameters", json!([error(field, "Invalid", message)]))
}

/// 409 for a parameter that is not there.
pub(super) fn missing(field: &str) -> Answer {
    validation("Invalid Parameters", json!([missing_error(field)]))
}

/// An element of `errors`.
pub(super) fn error(field: &str, code: &str, message: &str) -> Value {
    json!({"field": field, "code": code, "message": message})
}

/// An element of `errors` for a parameter that is not there.
pub(super) fn missing_error(field: &str) -> Value {
    json!({"field": field, "code": "MissingParameter", "message": "Missing parameter"})
}

/// The alias is taken.
pub(super) fn duplicate_alias() -> Value {
    error("alias", "Duplicate", "Already exists for this owner_uuid")
}

/// 404
pub(super) fn vm_not_found() -> Answer {
    Answer::error(StatusCode::NOT_FOUND, "ResourceNotFound", "VM not found")
}

/// 404
pub(super) fn job_not_found() -> Answer {
    Answer::error(StatusCode::NOT_FOUND, "ResourceNotFound", "Job not found")
}
