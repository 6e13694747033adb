//! The instance that an operand of `svcadm` means.

/// The meaning of an operand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Match<T> {
    /// No instance.
    None,
    /// This one.
    One(T),
    /// Any of several.
    Several(Vec<T>),
}

/// The instance that an operand means: its whole FMRI, `svc:/manta/application/manatee-sitter:default`; an end of it,
/// `application/manatee-sitter:default`, `electric-moray-2021`; or an end of the service's name, `manatee-sitter`.
pub(crate) fn resolve<T: Clone>(
    operand: &str,
    instances: impl IntoIterator<Item = T>,
    fmri: impl Fn(&T) -> String,
) -> Match<T> {
    let mut found: Vec<T> =
        instances.into_iter().filter(|instance| means(operand, &fmri(instance))).collect();
    match (found.pop(), found.is_empty()) {
        (None, _) => Match::None,
        (Some(only), true) => Match::One(only),
        (Some(last), false) => {
            found.push(last);
            Match::Several(found)
        }
    }
}

fn means(operand: &str, fmri: &str) -> bool {
    let service = fmri.rsplit_once(':').map_or(fmri, |(service, _)| service);
    [fmri, service].into_iter().any(|name| {
        !operand.is_empty()
            && name
                .strip_suffix(operand)
                .is_some_and(|before| before.is_empty() || before.ends_with(['/', ':']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSTANCES: [&str; 3] = [
        "svc:/smartdc/application/electric-moray:electric-moray-2021",
        "svc:/smartdc/application/electric-moray:electric-moray-2022",
        "svc:/manta/application/registrar:default",
    ];

    fn found(operand: &str) -> Match<&'static str> {
        resolve(operand, INSTANCES, |instance| (*instance).to_owned())
    }

    #[test]
    fn ends_of_names_mean_an_instance() {
        for operand in [
            INSTANCES[1],
            "electric-moray-2022",
            "electric-moray:electric-moray-2022",
            "/smartdc/application/electric-moray:electric-moray-2022",
        ] {
            assert_eq!(found(operand), Match::One(INSTANCES[1]), "{operand}");
        }
        for operand in
            ["registrar", "svc:/manta/application/registrar", "default", "registrar:default"]
        {
            assert_eq!(found(operand), Match::One(INSTANCES[2]), "{operand}");
        }
    }

    #[test]
    fn others_mean_none_or_several() {
        for operand in ["", "moray", "electric-moray-2023", "application", "svc:/"] {
            assert_eq!(found(operand), Match::None, "{operand}");
        }
        assert_eq!(found("electric-moray"), Match::Several(INSTANCES[..2].to_vec()));
    }
}
