//! The rules by which values are secret, and the means that keep them out of what is printed.

use std::fmt;

use serde_json::{Map, Value};

use crate::printable::printable;

/// The text in the place of a secret.
pub(crate) const REDACTED: &str = "[redacted]";

/// Words that make a name secret when they are one of its words (`UFDS_ROOT_PW`, `admin-password`, `rabbitmq`).
const SECRET_WORDS: [&str; 14] = [
    "pw",
    "pwd",
    "passwd",
    "password",
    "passwords",
    "passphrase",
    "secret",
    "secrets",
    "token",
    "tokens",
    "credential",
    "credentials",
    "privkey",
    "rabbitmq",
];

/// Parts that make a name secret wherever they stand in it, whatever separates its words (`sshPrivateKey`).
const SECRET_PARTS: [&str; 8] =
    ["password", "passwd", "secret", "privatekey", "apikey", "accesskey", "userscript", "userdata"];

/// Tells whether the value of a member of this name is kept out of logs, errors and `Debug`.
///
/// Rather one too many: passwords, secrets, tokens, private keys, scripts that zones run at boot (`user-script`), and
/// `rabbitmq`, which is `user:password:host:port`.
pub fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let mut words = key.split(|c: char| !c.is_ascii_alphanumeric());
    if words.any(|word| SECRET_WORDS.contains(&word)) {
        return true;
    }
    let letters: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
    SECRET_PARTS.iter().any(|part| letters.contains(part))
}

/// Tells whether a text is secret whatever it is called: it holds a private key, or a URL with a password.
fn is_secret_text(text: &str) -> bool {
    let has_password = |after_scheme: &str| {
        let end = |c: char| c.is_whitespace() || "/?#\"'".contains(c);
        let authority = after_scheme.split(end).next().unwrap_or_default();
        authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
    };
    text.contains("PRIVATE KEY") || text.split("://").skip(1).any(has_password)
}

/// Prints a JSON object with its secrets replaced.
pub(crate) struct Redacted<'a>(pub(crate) &'a Map<String, Value>);

impl fmt::Debug for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.0.iter().map(|(key, value)| (key, RedactedMember(key, value))))
            .finish()
    }
}

struct RedactedMember<'a>(&'a str, &'a Value);

impl fmt::Debug for RedactedMember<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RedactedMember(key, value) = *self;
        match value {
            Value::Null | Value::Bool(_) => value.fmt(f),
            _ if is_secret_key(key) => f.write_str(REDACTED),
            Value::Object(members) => Redacted(members).fmt(f),
            Value::Array(elements) => f
                .debug_list()
                .entries(elements.iter().map(|element| RedactedMember("", element)))
                .finish(),
            Value::String(text) => fmt::Debug::fmt(&Secrets::default().scrub(text), f),
            Value::Number(number) => fmt::Display::fmt(number, f),
        }
    }
}

/// The secrets of one request, to be taken out of what the server says about it.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    /// Shorter texts are no secrets worth the name, and taking them out would garble every message.
    const MIN_LENGTH: usize = 4;

    /// Every secret text in a body.
    pub(crate) fn of(body: &Value) -> Self {
        let mut secrets = Self::default();
        secrets.collect(body, false);
        secrets
    }

    /// Adds a text that is secret as a whole.
    pub(crate) fn add(&mut self, text: &str) {
        if text.len() >= Self::MIN_LENGTH {
            self.0.push(text.to_owned());
            // The longest first: one secret may be part of another.
            self.0.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        }
    }

    fn collect(&mut self, value: &Value, secret: bool) {
        match value {
            Value::Object(members) => {
                for (key, value) in members {
                    self.collect(value, secret || is_secret_key(key));
                }
            }
            Value::Array(elements) => elements.iter().for_each(|e| self.collect(e, secret)),
            Value::String(text) if secret || is_secret_text(text) => self.add(text),
            Value::Number(number) if secret => self.add(&number.to_string()),
            Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
        }
    }

    /// A server's text without the request's secrets, without what follows the name of a secret, in one line that a
    /// terminal shows and does not obey, and of bounded length.
    ///
    /// Servers quote what they were sent or what they have stored (`metadata.UFDS_ROOT_PW: "..." is not of type ...`).
    pub(crate) fn scrub(&self, text: &str) -> String {
        const MAX_CHARS: usize = 2000;
        let mut scrubbed = text.to_owned();
        for secret in &self.0 {
            scrubbed = scrubbed.replace(secret.as_str(), REDACTED);
        }
        if let Some(end) = end_of_secret_name(&scrubbed) {
            let quoted = scrubbed.split_off(end);
            if quoted.contains(char::is_alphanumeric) {
                scrubbed.push(' ');
                scrubbed.push_str(REDACTED);
            } else {
                scrubbed.push_str(&quoted);
            }
        }
        if is_secret_text(&scrubbed) {
            return REDACTED.to_owned();
        }
        if let Some((end, _)) = scrubbed.char_indices().nth(MAX_CHARS) {
            scrubbed.truncate(end);
            scrubbed.push('…');
        }
        printable(&scrubbed)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {REDACTED}", self.0.len())
    }
}

/// The end of the first compound name of a secret. Plain words (`bad token`) are prose and not taken for names.
fn end_of_secret_name(text: &str) -> Option<usize> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let mut rest = text;
    let mut offset = 0;
    while let Some(start) = rest.find(is_name) {
        let name = rest.get(start..)?;
        let length = name.find(|c| !is_name(c)).unwrap_or(name.len());
        let name = name.get(..length)?;
        if name.contains(['_', '-']) && is_secret_key(name) {
            return Some(offset + start + length);
        }
        offset += start + length;
        rest = rest.get(start + length..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    proptest! {
        #[test]
        fn no_message_keeps_a_secret_of_the_request(
            secret in "[a-zA-Z0-9+/=_-]{12,40}",
            before in "\\PC{0,20}",
            after in "\\PC{0,20}",
        ) {
            let secrets = Secrets::of(&json!({"a": [{"some_password": {"deep": secret}}]}));
            let scrubbed = secrets.scrub(&format!("{before}{secret}{after}{secret}"));
            prop_assert!(!scrubbed.contains(&secret), "{}", scrubbed);
        }
    }

    #[test]
    fn names_of_secrets() {
        for secret in [
            "UFDS_ROOT_PW",
            "ufds_ldap_root_pw",
            "rabbitmq",
            "user-script",
            "user_script",
            "password",
            "adminPassword",
            "SSH_PRIVATE_KEY",
            "sshPrivateKey",
            "api-key",
            "MANTA_SECRET",
            "authToken_token",
        ] {
            assert!(is_secret_key(secret), "{secret}");
        }
        for open in [
            "REGION",
            "HASH_RING_IMAGE",
            "INDEX_MORAY_SHARDS",
            "alias",
            "PG_DIR",
            "tags",
            "keyword",
        ] {
            assert!(!is_secret_key(open), "{open}");
        }
    }

    #[test]
    fn debug_shows_structure_but_no_secret() {
        let value = json!({
            "UFDS_ROOT_PW": "hunter2", "REGION": "coal", "nested": {"password": ["hunter3"], "size": 1},
            "cert": "-----BEGIN RSA PRIVATE KEY-----", "list": [{"token": 12345}, "ldap://root:hunter4@ufds/"],
            "passwordless_token": true, "url": "http://imgapi.example.com/a@b:c",
        });
        let shown = format!("{:?}", Redacted(value.as_object().unwrap()));
        for secret in ["hunter", "BEGIN", "12345"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        for open in ["REGION", "coal", "size", "true", "http://imgapi.example.com/a@b:c"] {
            assert!(shown.contains(open), "{shown}");
        }
    }

    #[test]
    fn messages_lose_the_secrets_of_the_request_and_what_follows_their_names() {
        let secrets = Secrets::of(&json!({"metadata": {"UFDS_ROOT_PW": "hunter2", "SHARD": "1"}}));
        assert_eq!(secrets.scrub("no hunter2 here"), "no [redacted] here");
        assert_eq!(
            secrets.scrub("metadata.UFDS_ROOT_PW: \"other\" is bad"),
            "metadata.UFDS_ROOT_PW [redacted]"
        );
        assert_eq!(
            secrets.scrub("missing required keys: root_pw"),
            "missing required keys: root_pw"
        );
        assert_eq!(secrets.scrub("SHARD 1, invalid token"), "SHARD 1, invalid token");
        assert_eq!(secrets.scrub("x".repeat(3000).as_str()).chars().count(), 2001);
        assert!(!format!("{secrets:?}").contains("hunter"));
    }
}
