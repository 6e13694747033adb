//! The errors of IMGAPI.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::super::http::Answer;

/// A field that is wrong: `{"field": .., "code": .., "message": ..}`.
pub(super) fn field(name: &str, code: &str, message: Option<&str>) -> Value {
    match message {
        None => json!({"field": name, "code": code}),
        Some(message) => json!({"field": name, "code": code, "message": message}),
    }
}

/// 422 `InvalidParameter`, about one field.
pub(super) fn invalid(name: &str, message: impl Into<String>) -> Answer {
    invalid_as(name, "Invalid", message)
}

/// The same, where the field's code is another one.
pub(super) fn invalid_as(name: &str, code: &str, message: impl Into<String>) -> Answer {
    unprocessable("InvalidParameter", message).with_errors(json!([field(name, code, None)]))
}

/// 422 `ValidationFailed`.
pub(super) fn validation(message: impl Into<String>, errors: Vec<Value>) -> Answer {
    unprocessable("ValidationFailed", message).with_errors(Value::Array(errors))
}

/// 422 with a code.
pub(super) fn unprocessable(code: &str, message: impl Into<String>) -> Answer {
    Answer::error(StatusCode::UNPROCESSABLE_ENTITY, code, message)
}

/// 404.
pub(super) fn not_found(message: impl Into<String>) -> Answer {
    Answer::error(StatusCode::NOT_FOUND, "ResourceNotFound", message)
}

/// 404 of an image.
pub(super) fn no_image(uuid: &str) -> Answer {
    not_found(format!("image {uuid} not found"))
}

/// 401.
pub(super) fn unauthorized(message: &str) -> Answer {
    Answer::error(StatusCode::UNAUTHORIZED, "UnauthorizedError", message)
}

/// 400 `Download`: also of uploads.
pub(super) fn download(message: impl Into<String>) -> Answer {
    Answer::error(StatusCode::BAD_REQUEST, "Download", message)
}

/// The error that `GET /ping?error=CODE` asks for, to see how a client takes it.
pub(super) fn sample(code: &str) -> Answer {
    let status = match code {
        "ImageUuidAlreadyExists" => {
            let message = "image uuid \"undefined\" already exists";
            return Answer::error(StatusCode::CONFLICT, code, message);
        }
        "ResourceNotFound" => StatusCode::NOT_FOUND,
        "OperatorOnly" => StatusCode::FORBIDDEN,
        "Download" | "Upload" => StatusCode::BAD_REQUEST,
        "StorageIsDown" | "StorageUnsupported" | "RemoteSourceError" => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        "NotAvailable" => StatusCode::NOT_IMPLEMENTED,
        "InternalError" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let answer = Answer::error(status, code, "boom");
    match code {
        "ValidationFailed" | "InvalidParameter" => answer.with_errors(json!([])),
        _ => answer,
    }
}
