//! Starts a lab of the default size, says where it is and how long that took, and stops it at ^C.
//!
//!     cargo run -p lab --example up [BLOCK]
#![expect(clippy::print_stdout, reason = "a command prints")]

use std::process::ExitCode;
use std::time::Instant;

use lab::{AddressBlock, Lab, service};

fn main() -> ExitCode {
    // The services of the lab are this program, too.
    let arguments: Vec<_> = std::env::args_os().collect();
    if service::is_invocation(&arguments) {
        return service::main(arguments);
    }
    let block = std::env::args().nth(1).and_then(|block| block.parse().ok());
    let runtime = tokio::runtime::Runtime::new();
    match runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(run(block))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(block: Option<u8>) -> Result<(), Box<dyn std::error::Error>> {
    let interrupted = || async { drop(tokio::signal::ctrl_c().await) };
    let mut builder = Lab::builder();
    if let Some(block) = block {
        builder = builder.block(AddressBlock::new(block));
    }
    let begin = Instant::now();
    let Some(lab) = builder.start_unless(interrupted()).await? else { return Ok(()) };
    println!("{}up after {:.1} s", lab.summary(), begin.elapsed().as_secs_f64());
    tokio::select! {
        () = lab.stop_asked_for() => {}
        () = interrupted() => {}
    }
    let begin = Instant::now();
    lab.stop().await;
    println!("down after {:.1} s", begin.elapsed().as_secs_f64());
    Ok(())
}
