//! Commands inside a zone: they see its directory as `/`, this machine's `/usr`, and nothing of other zones.
//!
//! In a user namespace, where an unprivileged user may do this, the zone's root gets what programs need mounted into it and
//! becomes the root directory. Mounts and root are gone with the last process.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use std::io;
use std::os::unix::process::ExitStatusExt;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use uuid::Uuid;

use super::processes::{Belonging, LAB_DIRECTORY, kill_all};
use crate::directory::LabDirectory;
use crate::layout::Layout;
use crate::messages::{ExecRequest, ExecResponse};
use crate::process::supervised;

/// The part of a command's output that is kept, of each stream: the first so many bytes.
const OUTPUT_LIMIT: usize = 16 << 20;
/// The longest wait for the output of processes that a command left behind.
const LEFT_BEHIND: Duration = Duration::from_secs(1);
/// The exit code of a command that ran out of time, as of `timeout`.
const TIMED_OUT: i32 = 124;

/// Run by `sh` in the new namespace with the zone's root, the lab's program, what stands for node-fash, the directory of tools
/// that are in `/usr`, that of PostgreSQL, `full` or `free`, and the command. What the machine does not have is not mounted. `/usr` and the like belong to another user:
/// nothing can be written there. Where the kernel has no overlays, only `PATH` finds the tools.
const MOUNTS: &str = r#"
set -e
root=$1 program=$2 fash=$3 tools=$4 postgresql=$5 disk=$6
shift 6
# pivot_root wants a mount point. The machine's own root is let go of: with it in sight the kernel would let nobody make a
# user namespace in a zone, and nobody could tell a zone's processes by their root.
mount --rbind "$root" "$root"
if ! mount -t overlay -o "ro,lowerdir=$tools/usr:/usr" overlay "$root/usr" 2>/dev/null; then
    mount --rbind /usr "$root/usr"
    mount -o remount,bind,ro "$root/usr" 2>/dev/null || true
fi
for directory in /proc /dev /etc/alternatives /etc/java-17-openjdk; do
    if [ -d "$directory" ]; then mount --rbind "$directory" "$root$directory"; fi
done
if [ -d "$postgresql" ]; then mount --rbind "$postgresql" "$root/opt/postgresql/current"; fi
mount --bind "$program" "$root/opt/lab/program"
if [ -f "$fash" ] && [ -f "$root/opt/lab/fash" ]; then mount --bind "$fash" "$root/opt/lab/fash"; fi
trap '' XFSZ
if [ "$disk" = full ]; then ulimit -S -f 0; fi
cd "$root"
pivot_root . .
umount -l .
exec /bin/sh -c 'cd /root && exec "$@"' sh "$@"
"#;

/// The place where commands run.
#[derive(Clone, Debug)]
pub(crate) struct Entrance {
    /// The directory that becomes `/`.
    pub(crate) root: PathBuf,
    /// The program that is the zone's tools.
    pub(crate) program: PathBuf,
    /// The directory of PostgreSQL, which has its programs in `bin`.
    pub(crate) postgresql: PathBuf,
    /// The user that does this. `None`: this one.
    pub(crate) user: Option<String>,
    /// `LAB_ZONE`: the zone's name, or `server:` and the server's.
    pub(crate) zone: String,
    /// `LAB_CONTROL`: the URL of the control API.
    pub(crate) control: String,
    /// The lab's directory, which has the tools that are in `/usr`. `LAB_DIRECTORY` is its path: by it what a dead lab has
    /// left is found.
    pub(crate) lab: LabDirectory,
    /// True if writes fail as on a full disk.
    pub(crate) disk_full: bool,
}

impl Entrance {
    /// That of a zone, for this user, with a disk that has room.
    pub(crate) fn of_zone(layout: &Layout, directory: &LabDirectory, zone: Uuid) -> Self {
        Self {
            root: directory.zone_root(zone),
            program: layout.program.first().cloned().unwrap_or_default(),
            postgresql: postgresql(layout),
            user: None,
            zone: zone.to_string(),
            control: format!("http://{}", layout.block.control()),
            lab: directory.clone(),
            disk_full: false,
        }
    }
}

/// The directory of a lab's PostgreSQL.
pub(crate) fn postgresql(layout: &Layout) -> PathBuf {
    layout.postgresql.parent().map(Path::to_owned).unwrap_or_default()
}

/// Runs a command, or without one a login shell that reads `stdin`. When this is dropped before it is done, or its time is
/// over, the command is killed with all that it started. What a command leaves behind when it ends goes on.
///
/// # Errors
/// The command could not be started.
pub(crate) async fn enter(entrance: &Entrance, request: &ExecRequest) -> io::Result<ExecResponse> {
    let mark = format!("LAB_EXEC={}", Uuid::new_v4());
    let mut child = command(entrance, request, &mark).spawn()?;
    let group = child.id();
    let mut leash = Leash(Some(Belonging { marks: vec![mark], directory: None, group }));
    let mut printed = Printed::default();
    let ended = timeout(request.time_limit(), converse(&mut child, request, &mut printed)).await;
    if let Ok(ended) = ended {
        let status = ended?;
        leash.0 = None;
        return Ok(printed.response(exit_code(status)));
    }
    if let Some(belonging) = leash.0.take() {
        let killed = tokio::task::spawn_blocking(move || kill_all(&belonging)).await;
        if let Ok(Err(error)) = killed {
            tracing::warn!(%error, "cannot kill a command whose time is over");
        }
    }
    let mut response = printed.response(TIMED_OUT);
    response.timed_out = true;
    let limit = request.time_limit();
    let words = format!("killed with all that it started: it took longer than {limit:?}\n");
    response.stderr.push_str(&words);
    Ok(response)
}

fn command(entrance: &Entrance, request: &ExecRequest, mark: &str) -> Command {
    let mut command = supervised("unshare", entrance.user.as_deref());
    command.args(way_in(entrance));
    if request.argv.is_empty() {
        command.args(["/bin/bash", "-l"]);
    } else {
        command.args(&request.argv);
    }
    let (name, value) = mark.split_once('=').unwrap_or_default();
    command
        .env_clear()
        .envs(environment(entrance))
        .envs(&request.env)
        .env(name, value)
        .current_dir(working_directory(&entrance.root))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The arguments that `unshare` is given before the command.
fn way_in(entrance: &Entrance) -> Vec<OsString> {
    const WORDS: [&str; 7] = ["--map-root-user", "--mount", "--", "/bin/sh", "-c", MOUNTS, "sh"];
    let disk = if entrance.disk_full { "full" } else { "free" };
    let mut arguments: Vec<OsString> = WORDS.iter().map(OsString::from).collect();
    let (root, program) = (entrance.root.clone(), entrance.program.clone());
    let (fash, tools) = (entrance.lab.fash(), entrance.lab.tools());
    let postgresql = entrance.postgresql.clone();
    arguments.extend([root, program, fash, tools, postgresql].map(OsString::from));
    arguments.push(disk.into());
    arguments
}

/// A login shell that has the terminal of whoever starts it, and is killed with whoever started it.
///
/// `terminal`: the kind of terminal, `TERM`.
pub(crate) fn shell(entrance: &Entrance, title: &str, terminal: &str) -> std::process::Command {
    let mut command = std::process::Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if let Some(user) = &entrance.user {
        command.args(["--reuid", user, "--regid", user, "--clear-groups"]);
    }
    command
        .args(["--", "unshare"])
        .args(way_in(entrance))
        .args(["/bin/bash", "-l"])
        .env_clear()
        .envs(environment(entrance))
        .env("TERM", terminal)
        .env("PS1", format!("[root@{title} \\w]# "))
        .current_dir(working_directory(&entrance.root));
    command
}

/// While the namespace is made. Afterwards it is `/root` of the zone.
fn working_directory(root: &Path) -> &Path {
    root
}

/// The directories of commands in a zone, in the order in which they are searched.
const SEARCH_PATH: &str = "/opt/lab/bin:/usr/bin:/bin:/usr/sbin:/sbin:/opt/smartdc/bin:\
     /opt/smartdc/manatee/bin:/opt/smartdc/electric-moray/node_modules/.bin";

fn environment(entrance: &Entrance) -> [(&'static str, String); 10] {
    [
        ("PATH", SEARCH_PATH.to_owned()),
        ("HOME", "/root".to_owned()),
        ("USER", "root".to_owned()),
        ("LOGNAME", "root".to_owned()),
        ("SHELL", "/bin/bash".to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("TMPDIR", "/var/tmp".to_owned()),
        ("LAB_CONTROL", entrance.control.clone()),
        ("LAB_ZONE", entrance.zone.clone()),
        (LAB_DIRECTORY, entrance.lab.path().display().to_string()),
    ]
}

/// Gives a command its input and takes what it prints, until it has ended.
async fn converse(
    child: &mut Child,
    request: &ExecRequest,
    printed: &mut Printed,
) -> io::Result<ExitStatus> {
    let stdin = child.stdin.take();
    let write = async {
        if let Some(mut stdin) = stdin
            && let Err(error) = stdin.write_all(request.stdin.as_bytes()).await
        {
            tracing::debug!(%error, "a command did not read its input to the end");
        }
    };
    let Printed { stdout, stderr } = printed;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let read = async { tokio::join!(stdout.read(out), stderr.read(err), write) };
    let mut read = std::pin::pin!(read);
    tokio::select! {
        _ = &mut read => child.wait().await,
        ended = child.wait() => {
            if timeout(LEFT_BEHIND, read).await.is_err() {
                tracing::debug!("a command left processes behind that may print");
            }
            ended
        }
    }
}

/// As shells count: 128 and the number of the signal that ended it.
fn exit_code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

/// Both streams of a command.
#[derive(Default)]
struct Printed {
    stdout: Captured,
    stderr: Captured,
}

impl Printed {
    fn response(&self, exit_code: i32) -> ExecResponse {
        let (stdout, stderr) = (self.stdout.text(), self.stderr.text());
        ExecResponse { exit_code, stdout, stderr, timed_out: false }
    }
}

/// The output of a command.
#[derive(Default)]
struct Captured {
    bytes: Vec<u8>,
    lost: usize,
}

impl Captured {
    async fn read(&mut self, from: Option<impl AsyncRead + Unpin>) {
        let Some(mut from) = from else { return };
        let mut buffer = vec![0; 64 << 10];
        loop {
            match from.read(&mut buffer).await {
                Ok(0) => break,
                Ok(length) => self.add(buffer.get(..length).unwrap_or_default()),
                Err(error) => {
                    tracing::debug!(%error, "cannot read what a command prints");
                    break;
                }
            }
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        let room = OUTPUT_LIMIT.saturating_sub(self.bytes.len()).min(bytes.len());
        let (kept, lost) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.bytes.extend_from_slice(kept);
        self.lost += lost.len();
    }

    fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        match self.lost {
            0 => text.into_owned(),
            lost => format!("{text}\n[{lost} more bytes were printed]\n"),
        }
    }
}

/// Kills a command and all that it started, unless it is let off.
struct Leash(Option<Belonging>);

impl Drop for Leash {
    fn drop(&mut self) {
        let Some(belonging) = self.0.take() else { return };
        let killer = std::thread::Builder::new().name("killer".to_owned()).spawn(move || {
            if let Err(error) = kill_all(&belonging) {
                tracing::warn!(%error, "cannot kill a command");
            }
        });
        if let Err(error) = killer {
            tracing::warn!(%error, "cannot kill a command");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_has_a_limit() {
        let mut captured = Captured::default();
        captured.add(&vec![b'x'; OUTPUT_LIMIT - 1]);
        captured.add(b"yz");
        captured.add(b"z");
        assert!(captured.text().ends_with("y\n[2 more bytes were printed]\n"));
    }

    #[test]
    fn signals_are_counted_from_128() {
        assert_eq!(exit_code(ExitStatus::from_raw(9)), 137);
        assert_eq!(exit_code(ExitStatus::from_raw(3 << 8)), 3);
    }
}
