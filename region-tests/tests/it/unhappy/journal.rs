//! A plan file that cannot be written.

use reshard_core::{Journal, PlanState};
use tokio::process::Command;

use super::region::World;

/// Goes on with the plan where no file may grow, as on a full disk: the command says so, and nothing is done.
pub(super) async fn is_full(world: &World) {
    let plan = world.region.file("unhappy.plan");
    let resume = world.region.reshard(&["resume", "--yes", plan.to_str().unwrap()]);
    let resume = resume.as_std();
    let mut command = Command::new("bash");
    command.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\""]);
    command.arg(resume.get_program()).args(resume.get_args());
    command.envs(resume.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = command.stdin(std::process::Stdio::null()).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    println!("a full disk: {said}");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(said.contains("unhappy.plan") && said.contains("disk"), "{said}");
    assert_eq!(world.store.state().await.unwrap(), PlanState::Planned);
}
