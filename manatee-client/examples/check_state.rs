//! Tells whether sitters survive a cluster state: `check_state FILE`.

#![expect(clippy::print_stdout, reason = "it is what the example is for")]

use std::error::Error;

use manatee_client::state_problems;

fn main() -> Result<(), Box<dyn Error>> {
    let Some(file) = std::env::args().nth(1) else {
        return Err("usage: check_state FILE, e.g. check_state testdata/states/e1.json".into());
    };
    let problems = state_problems(&serde_json::from_slice(&std::fs::read(file)?)?);
    for problem in &problems {
        println!("{:?}: {problem}", problem.severity);
    }
    if problems.is_empty() { Ok(()) } else { Err("this state must not be written".into()) }
}
