//! `Accept`: which of the forms that restify has a client takes.

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `application/json`
    Json,
    /// `text/plain`
    Text,
    /// `application/octet-stream`
    Bytes,
}

/// Restify's own order, best first.
const FORMS: [(Form, &str, &str); 3] = [
    (Form::Json, "application", "json"),
    (Form::Text, "text", "plain"),
    (Form::Bytes, "application", "octet-stream"),
];

impl Form {
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Text => "text/plain",
            Self::Bytes => "application/octet-stream",
        }
    }

    /// The form that a client likes best. `None` when it takes none of them.
    pub(super) fn choose(accept: Option<&str>) -> Option<Self> {
        let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else {
            return Some(Self::Json);
        };
        let mut best: Option<(Self, u32)> = None;
        for (form, kind, subtype) in FORMS {
            let quality = accept.split(',').filter_map(|range| quality(range, kind, subtype)).max();
            if let Some(quality) = quality.filter(|quality| *quality > 0)
                && best.is_none_or(|(_, least)| quality > least)
            {
                best = Some((form, quality));
            }
        }
        best.map(|(form, _)| form)
    }
}

/// The preference of a media range for a type, in thousandths. `None` when it does not cover it.
fn quality(range: &str, kind: &str, subtype: &str) -> Option<u32> {
    let mut parts = range.split(';').map(str::trim);
    let (wanted_kind, wanted_subtype) = parts.next()?.split_once('/')?;
    let covers = |wanted: &str, given: &str| wanted == "*" || wanted.eq_ignore_ascii_case(given);
    if !covers(wanted_kind, kind) || !covers(wanted_subtype, subtype) {
        return None;
    }
    let quality = parts.find_map(|part| part.strip_prefix("q=")).unwrap_or("1");
    let (whole, fraction) = quality.split_once('.').unwrap_or((quality, ""));
    let thousandths: u32 = format!("{fraction:0<3.3}").parse().ok()?;
    Some(whole.parse::<u32>().ok()?.saturating_mul(1000).saturating_add(thousandths))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_unless_another_form_is_liked_better() {
        assert_eq!(Form::choose(None), Some(Form::Json));
        assert_eq!(Form::choose(Some("*/*")), Some(Form::Json));
        assert_eq!(Form::choose(Some("text/html, */*; q=0.1")), Some(Form::Json));
        assert_eq!(Form::choose(Some("text/plain")), Some(Form::Text));
        assert_eq!(Form::choose(Some("application/json;q=0.5, text/plain")), Some(Form::Text));
        assert_eq!(Form::choose(Some("application/octet-stream")), Some(Form::Bytes));
        assert_eq!(Form::choose(Some("application/xml")), None);
    }
}
