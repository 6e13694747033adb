//! Loads a ring into memory and nothing else, so that the time and memory of the process are those of loading.
//!
//! Usage: `load-ring DIRECTORY`

use std::env;
use std::error::Error;
use std::hint::black_box;

use fash::RingReader;

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args_os().nth(1).ok_or("usage: load-ring DIRECTORY")?;
    black_box(RingReader::open(path)?.load()?);
    Ok(())
}
