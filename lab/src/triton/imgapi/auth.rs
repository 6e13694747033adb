//! The rights of clients where requests can be signed: anybody may read, but a header that is no signature is refused even then.

use super::super::http::{Answer, ApiRequest};
use super::errors::unauthorized;

/// Checks the Authorization of a request.
pub(super) fn check(request: &ApiRequest, writes: bool) -> Result<(), Answer> {
    match request.header("authorization") {
        None if writes => Err(unauthorized("Unauthorized")),
        None => Ok(()),
        Some(header) if well_formed(header) => Err(unauthorized("Unauthorized")),
        Some(_) => Err(unauthorized("bad param format")),
    }
}

/// Tells whether it is `Signature name="value",..` with all that an HTTP signature has.
fn well_formed(header: &str) -> bool {
    let Some(parameters) = header.strip_prefix("Signature ") else { return false };
    let mut names = Vec::new();
    for parameter in parameters.split(',') {
        let Some((name, value)) = parameter.split_once("=\"") else { return false };
        if value.find('"') != value.len().checked_sub(1) {
            return false;
        }
        names.push(name);
    }
    ["keyId", "algorithm", "signature"].iter().all(|name| names.contains(name))
}

#[cfg(test)]
mod tests {
    use super::well_formed;

    #[test]
    fn only_whole_signatures_are_looked_up() {
        assert!(well_formed(r#"Signature keyId="bob",algorithm="rsa-sha256",signature="AAAA""#));
        assert!(!well_formed(r#"Signature keyId="bob",algorithm="rsa-sha256" AAAA"#));
        assert!(!well_formed("Basic Ym9iOmJvYg=="));
    }
}
