//! The answers of the real Moray and electric-moray, asked again of the lab's.
//!
//! The recordings are in `moray-client/testdata/golden-moray`, with a README about where they come from. What differs is
//! listed, with reasons, in `testdata/golden-moray/DIFFERENCES.md`; what is listed there and does not differ is as wrong as
//! what differs and is not listed.

mod guard;
mod probe;
mod recording;
mod terminated;
mod tier;

use self::recording::{Said, judge};
use self::tier::Tier;

#[tokio::test]
async fn the_lab_answers_as_the_real_servers() {
    let tier = Tier::start().await;
    let mut compared = Vec::new();
    // The routers were asked before there was any bucket.
    let said = probe::ask(&tier.router()).await;
    compared.push(("probe-electric-moray", said));
    let moray = tier.moray();
    compared.push(("probe-moray", probe::ask(&moray).await));
    compared.push(("guard-refusals", guard::ask(&moray, tier.primary()).await));
    compared.push(("postgres-gone-at-commit", terminated::ask(&moray, tier.primary()).await));
    judge(&compared);
}

/// Answers by what was asked, as often as it was asked.
type Answers = Vec<Said>;
