//! The `reshard` command, which is killed by SIGKILL when the step of a cutover begins that `RESHARD_DIES_AT` names. With
//! `RESHARD_DIES_ALONE` set its watchdog lives on; otherwise it is killed first, as when a machine dies.

use std::process::ExitCode;

use region_tests::at_every_step;
use rustix::process::{Pid, Signal, getpid, kill_process};

fn main() -> ExitCode {
    let Ok(dies_at) = std::env::var("RESHARD_DIES_AT") else { return ExitCode::FAILURE };
    let alone = std::env::var_os("RESHARD_DIES_ALONE").is_some();
    let die = move |step: &str| {
        if step == dies_at {
            if !alone {
                kill_children();
            }
            // Nothing of this process runs any more when this returns.
            kill_process(getpid(), Signal::KILL).ok();
        }
    };
    if at_every_step(die).is_err() {
        return ExitCode::FAILURE;
    }
    reshard_cli::reshard::main(std::env::args_os())
}

fn kill_children() {
    let own = getpid();
    let Ok(processes) = std::fs::read_dir("/proc") else { return };
    let names = processes.flatten().filter_map(|process| process.file_name().into_string().ok());
    for pid in names.filter_map(|name| Pid::from_raw(name.parse().ok()?)) {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // After the name in brackets come the state and the parent.
        let after = stat.rsplit_once(") ").map_or("", |(_, after)| after);
        let parent = after.split(' ').nth(1).and_then(|parent| parent.parse().ok());
        if parent.and_then(Pid::from_raw) == Some(own) {
            kill_process(pid, Signal::KILL).ok();
        }
    }
}
