//! The words of reports about what could not be seen.

use super::*;
use crate::preflight::unseen::Api;

fn silent_sapi() -> Unseen {
    let (name, url) = ("SAPI".to_owned(), "http://10.0.0.1".to_owned());
    Unseen::silent(Api { name, url }, 45)
}

fn blind(name: &'static str, why: impl Into<Unseen>) -> Check {
    let mut findings = Findings::new(name);
    findings.blind(why);
    findings.or_ok("")
}

fn report(checks: Vec<Check>) -> Vec<(Verdict, String)> {
    let source = "2.moray.lab.example.net".parse().unwrap();
    let report = Report::new(Timestamp::UNIX_EPOCH, source, checks);
    report
        .checks
        .into_iter()
        .map(|check| (check.verdict, format!("{}: {} ({})", check.name, check.found, check.remedy)))
        .collect()
}

#[test]
fn an_api_that_is_silent_is_one_finding_however_many_checks_need_it() {
    let mut half = Findings::new("images");
    half.fail("an image is missing", "import it");
    half.blind(silent_sapi().of("another image"));
    let checks =
        vec![blind("a", silent_sapi()), blind("b", silent_sapi().of("em-1")), half.or_ok("")];
    let expected = [
        (
            Verdict::Failed,
            "answers: no answer from SAPI at http://10.0.0.1 within 45 s; 3 checks need it: a, b, images (make SAPI answer: `curl -i http://10.0.0.1/ping`; then 'check 2.moray.lab.example.net')",
        ),
        (Verdict::Skipped, "a: not made: it needs SAPI (see `answers`) ()"),
        (Verdict::Skipped, "b: not made: it needs SAPI (see `answers`) ()"),
        (
            Verdict::Failed,
            "images: an image is missing; the rest was not checked: it needs SAPI (see `answers`) (import it)",
        ),
    ];
    assert_eq!(report(checks), expected.map(|(verdict, text)| (verdict, text.to_owned())));
}

#[test]
fn zones_that_an_api_hides_are_its_one_finding() {
    let mut online = Findings::new("routers-online");
    for zone in ["em-1", "em-2"] {
        online.unseen(Verdict::Failed, &silent_sapi(), format!("cannot look into {zone}"), "see");
    }
    online.unseen(Verdict::Failed, &"its server is dead".into(), "cannot look into em-3", "see");
    let report = report(vec![online.or_ok("")]);
    assert!(report[0].1.contains("; 1 check needs it: routers-online"), "{report:?}");
    let expected = "routers-online: cannot look into em-3: its server is dead; the rest was not checked: it needs SAPI (see `answers`) (see)";
    assert_eq!(report[1], (Verdict::Failed, expected.to_owned()));
}

#[test]
fn whatever_else_keeps_checks_from_being_made_is_told_once_too() {
    let checks = vec![blind("a", "no primary"), blind("b", "no primary"), blind("c", "no clock")];
    let expected = [
        (
            Verdict::Failed,
            "answers: no primary; 2 checks need it: a, b (fix that; then 'check 2.moray.lab.example.net')",
        ),
        (Verdict::Skipped, "a: not made: see `answers` ()"),
        (Verdict::Skipped, "b: not made: see `answers` ()"),
        (Verdict::Failed, "c: cannot be checked: no clock (make it answer, then check again)"),
    ];
    assert_eq!(report(checks), expected.map(|(verdict, text)| (verdict, text.to_owned())));
}

#[test]
fn what_one_check_tells_is_not_told_as_something_that_does_not_answer() {
    let missing = || Unseen::from("SAPI names an image that is not there").told_by("ring");
    let mut ring = Findings::new("ring");
    ring.fail("no such image", "put it right");
    let mut half = Findings::new("c");
    half.fail("something else", "");
    half.blind(missing());
    half.blind(silent_sapi());
    let checks = vec![ring.or_ok(""), blind("a", missing()), blind("b", missing())];
    let expected = [
        (Verdict::Failed, "ring: no such image (put it right)"),
        (Verdict::Skipped, "a: not made: see `ring` ()"),
        (Verdict::Skipped, "b: not made: see `ring` ()"),
    ];
    assert_eq!(report(checks), expected.map(|(verdict, text)| (verdict, text.to_owned())));
    let both = report(vec![half.or_ok("")]);
    let words =
        "c: something else; the rest was not checked: it needs SAPI (see `answers` and `ring`) ()";
    assert_eq!(both[1].1, words);
    // An API's silence is its own.
    assert_eq!(silent_sapi().told_by("ring").teller(), None);
}
