//! The address of a server.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// The address of a server, such as `http://sapi.coal.joyent.us`.
///
/// Made by parsing. Triton's APIs speak plain HTTP in the admin network; `https` is taken with the feature `rustls` only.
/// A path (of a gateway) is kept, and there is neither user, query nor fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl(String);

/// The text is not the address of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBaseUrl {
    /// It is something else.
    #[error(
        "{0} is not the address of a server: expected something like http://sapi.coal.joyent.us"
    )]
    NotAServer(String),
    /// It asks for TLS.
    #[error(
        "{0:?} asks for TLS, which this program was built without (feature rustls of triton-sapi): expected something like http://sapi.coal.joyent.us"
    )]
    NoTls(String),
}

impl FromStr for BaseUrl {
    type Err = InvalidBaseUrl;

    fn from_str(text: &str) -> Result<Self, InvalidBaseUrl> {
        // A user may come with a password, so such a text is not shown.
        let invalid = || {
            let shown = if text.contains('@') {
                "the URL with a user".to_owned()
            } else {
                format!("{text:?}")
            };
            InvalidBaseUrl::NotAServer(shown)
        };
        let url = Url::parse(text).map_err(|_| invalid())?;
        let bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !["http", "https"].contains(&url.scheme()) || !url.has_host() || !bare {
            return Err(invalid());
        }
        if url.scheme() == "https" && !cfg!(feature = "rustls") {
            return Err(InvalidBaseUrl::NoTls(text.to_owned()));
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }
}

impl BaseUrl {
    /// The address without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let parsed = |text: &str| text.parse::<BaseUrl>().map(|url| url.to_string());
        assert_eq!(
            parsed("http://Sapi.coal.joyent.us/").as_deref(),
            Ok("http://sapi.coal.joyent.us")
        );
        assert_eq!(parsed("http://127.0.0.1:8080/x/").as_deref(), Ok("http://127.0.0.1:8080/x"));
        for bad in ["", "sapi", "http://", "http://h/?q", "http://h/#f", "file:///x"] {
            assert!(matches!(parsed(bad), Err(InvalidBaseUrl::NotAServer(_))), "{bad}");
        }
        let secure = parsed("https://sapi");
        if cfg!(feature = "rustls") {
            assert_eq!(secure.as_deref(), Ok("https://sapi"));
        } else {
            assert_eq!(secure, Err(InvalidBaseUrl::NoTls("https://sapi".to_owned())));
        }
        let error = parsed("http://root:hunter2@h/").unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
