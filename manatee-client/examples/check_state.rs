//! Tells whether sitters survive a cluster state.
//!
//!     cargo run -p triton-manatee --example check_state -- FILE

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

mod common;

use std::error::Error;
use std::process::ExitCode;

use manatee_client::state_problems;

fn main() -> ExitCode {
    common::finish(check())
}

fn check() -> Result<(), Box<dyn Error>> {
    let [file] = common::arguments("check_state FILE, e.g. check_state testdata/states/e1.json")?;
    let text = std::fs::read(&file).map_err(|error| format!("{file}: {error}"))?;
    let document = serde_json::from_slice(&text)
        .map_err(|error| format!("{file} is no JSON, on which every sitter dies: {error}"))?;
    let problems = state_problems(&document);
    for problem in &problems {
        println!("{problem} ({})", problem.severity);
    }
    if !problems.is_empty() {
        return Err(format!("{file} must not be written").into());
    }
    println!("{file} may be written");
    Ok(())
}
