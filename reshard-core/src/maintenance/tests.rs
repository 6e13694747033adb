//! Tests of maintenance windows.

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn maintenance(windows: &[&str], blackouts: &[&str]) -> Maintenance {
    Maintenance {
        windows: windows.iter().map(|text| text.parse().unwrap()).collect(),
        blackouts: blackouts.iter().map(|text| text.parse().unwrap()).collect(),
    }
}

fn opening(from: &str, until: &str) -> Opening {
    Opening { from: at(from), until: at(until) }
}

#[test]
fn without_windows_it_is_always_open() {
    let open = maintenance(&[], &[]).next(at("2026-12-01T12:00:00Z")).unwrap();
    assert!(open.from < at("2026-12-01T12:00:00Z") && open.until > at("2099-01-01T00:00:00Z"));
}

#[test]
fn a_window_is_of_its_days_and_its_time_zone() {
    // The first of December 2026 is a Tuesday; Berlin is an hour ahead of UTC in winter.
    let nights = maintenance(&["Mon-Fri 01:00-04:00 Europe/Berlin"], &[]);
    let tuesday = Some(opening("2026-12-01T00:00:00Z", "2026-12-01T03:00:00Z"));
    assert_eq!(nights.next(at("2026-11-30T12:00:00Z")), tuesday);
    assert_eq!(nights.next(at("2026-12-01T02:59:59Z")), tuesday);
    assert_eq!(
        nights.next(at("2026-12-01T03:00:00Z")),
        Some(opening("2026-12-02T00:00:00Z", "2026-12-02T03:00:00Z"))
    );
    // From Friday's end to Monday's night, which is UTC's Monday at midnight.
    assert_eq!(
        nights.next(at("2026-12-04T03:00:00Z")),
        Some(opening("2026-12-07T00:00:00Z", "2026-12-07T03:00:00Z"))
    );
    // Two hours ahead in summer.
    assert_eq!(
        nights.next(at("2026-07-01T12:00:00Z")),
        Some(opening("2026-07-01T23:00:00Z", "2026-07-02T02:00:00Z"))
    );
}

#[test]
fn a_window_may_go_past_midnight() {
    let late = maintenance(&["Sat-Mon 22:00-02:00 UTC"], &[]);
    let monday = Some(opening("2026-11-30T22:00:00Z", "2026-12-01T02:00:00Z"));
    assert_eq!(late.next(at("2026-12-01T01:00:00Z")), monday);
    assert_eq!(
        late.next(at("2026-12-01T02:00:00Z")),
        Some(opening("2026-12-05T22:00:00Z", "2026-12-06T02:00:00Z"))
    );
}

#[test]
fn the_first_of_several_windows_comes_next() {
    let two = maintenance(&["Sun 00:00-24:00 UTC", "Wed 03:00-03:30 UTC"], &[]);
    assert_eq!(
        two.next(at("2026-12-01T12:00:00Z")),
        Some(opening("2026-12-02T03:00:00Z", "2026-12-02T03:30:00Z"))
    );
    assert_eq!(
        two.next(at("2026-12-02T03:30:00Z")),
        Some(opening("2026-12-06T00:00:00Z", "2026-12-07T00:00:00Z"))
    );
}

#[test]
fn blackouts_cut_windows() {
    let holidays =
        maintenance(&["daily 22:00-02:00 UTC"], &["2026-12-24..2026-12-26", "2026-12-31"]);
    // The night before goes on to midnight only.
    assert_eq!(
        holidays.next(at("2026-12-23T23:00:00Z")),
        Some(opening("2026-12-23T22:00:00Z", "2026-12-24T00:00:00Z"))
    );
    // What begins on the last date begins when it is over.
    assert_eq!(
        holidays.next(at("2026-12-24T00:00:00Z")),
        Some(opening("2026-12-27T00:00:00Z", "2026-12-27T02:00:00Z"))
    );
    // Blackouts without windows are of UTC's dates.
    let free = maintenance(&[], &["2026-12-24..2026-12-26"]);
    let at_christmas = free.next(at("2026-12-25T12:00:00Z")).unwrap();
    assert_eq!(at_christmas.from, at("2026-12-27T00:00:00Z"));
}

#[test]
fn what_never_opens_says_so() {
    let never = maintenance(&["Thu 01:00-02:00 UTC"], &["2026-12-01..2028-12-01"]);
    assert_eq!(never.next(at("2026-12-05T00:00:00Z")), None);
}

#[test]
fn a_window_may_be_lost_when_clocks_are_put_forward() {
    // On 28 March 2027 Berlin has no time between 02:00 and 03:00.
    let lost = maintenance(&["daily 02:00-03:00 Europe/Berlin"], &[]);
    assert_eq!(
        lost.next(at("2027-03-27T12:00:00Z")),
        Some(opening("2027-03-29T00:00:00Z", "2027-03-29T01:00:00Z"))
    );
}

#[test]
fn texts_are_read_and_written() {
    for text in
        ["Mon-Fri 01:00-04:00 Europe/Berlin", "fri-mon 22:00-24:00 UTC", "daily 00:00-00:00 UTC"]
    {
        let window: MaintenanceWindow = text.parse().unwrap();
        assert_eq!(window.to_string(), text);
        let read: MaintenanceWindow =
            serde_json::from_value(serde_json::to_value(&window).unwrap()).unwrap();
        assert_eq!(read, window);
    }
    for text in ["2026-12-31", "2026-12-24..2027-01-02"] {
        assert_eq!(text.parse::<Blackout>().unwrap().to_string(), text);
    }
    for wrong in [
        "",
        "Mon 01:00 UTC",
        "Mon 1:00-2:00 UTC",
        "Foo 01:00-02:00 UTC",
        "Mon 25:00-02:00 UTC",
        "Mon 01:00-02:00",
    ] {
        let error = wrong.parse::<MaintenanceWindow>().unwrap_err();
        assert!(matches!(error, MaintenanceError::Window { .. }), "{wrong}: {error}");
    }
    let error = "Mon 01:00-02:00 Europe/Atlantis".parse::<MaintenanceWindow>().unwrap_err();
    assert!(error.to_string().contains("Europe/Atlantis"), "{error}");
    for wrong in ["Christmas", "2026-12-26..2026-12-24", "2026-02-30"] {
        assert!(wrong.parse::<Blackout>().is_err(), "{wrong}");
    }
}
