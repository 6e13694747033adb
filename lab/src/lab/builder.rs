//! Choosing what lab to start: options, directory, addresses.

use std::fmt;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use tokio::net::TcpListener;

use super::error::LabError;
use super::remains::{TempLab, kill};
use super::{Lab, block, home, host, reach, start};
use crate::address::AddressBlock;
use crate::directory::LabDirectory;
use crate::layout::Layout;
use crate::layout::Options;
use crate::postgres::has_server;
use crate::programs::Programs;

/// The function that is called with every step of a start.
pub(super) type OnProgress = Box<dyn Fn(&str) + Send + Sync>;

/// A lab that is going to be started. Made by [`Lab::builder`].
pub struct LabBuilder {
    options: Option<Options>,
    directory: Option<PathBuf>,
    block: Option<AddressBlock>,
    program: Option<Vec<PathBuf>>,
    programs: Programs,
    on_progress: OnProgress,
}

/// A lab whose directory and addresses are its own, before anything of it runs.
pub(super) struct Claim {
    pub(super) layout: Layout,
    pub(super) directory: LabDirectory,
    /// Removes its directory, if it is to be removed.
    pub(super) temporary: Option<TempLab>,
    /// True if it was made just now.
    pub(super) is_new: bool,
    /// Held as long as the lab runs.
    pub(super) lock: File,
    /// The address of its control: whoever has it, has the block.
    pub(super) control: TcpListener,
    pub(super) programs: Programs,
    pub(super) on_progress: OnProgress,
}

impl fmt::Debug for LabBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LabBuilder")
            .field("options", &self.options)
            .field("directory", &self.directory)
            .field("block", &self.block)
            .finish_non_exhaustive()
    }
}

impl LabBuilder {
    pub(super) fn new() -> Self {
        Self {
            options: None,
            directory: None,
            block: None,
            program: None,
            programs: Programs::from_environment(),
            on_progress: Box::new(|_| ()),
        }
    }

    /// Sets how big it is. Default: [`Options::default`], or what the lab in the directory was made with.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = Some(options);
        self
    }

    /// Keeps the lab in a directory: its data stay when it stops, and a later start with the same directory goes on with
    /// them. Default: a directory of its own in `/var/tmp`, which is removed when it stops.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Its addresses. Default: the first block that is free.
    #[must_use]
    pub fn block(mut self, block: AddressBlock) -> Self {
        self.block = Some(block);
        self
    }

    /// The program that runs its services: [`crate::service::main`] tells what is expected of it. Default: this one. A `fash`
    /// beside it becomes that of the zones.
    #[must_use]
    pub fn program(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = Some(vec![program.into()]);
        self
    }

    /// Sets where the programs of this machine are that labs need. Default: [`Programs::from_environment`]. A lab that was kept
    /// goes on with the PostgreSQL that it was made with, if another is not chosen.
    #[must_use]
    pub fn programs(mut self, programs: Programs) -> Self {
        self.programs = programs;
        self
    }

    /// Calls `on_progress` with the name of each step of the start.
    #[must_use]
    pub fn on_progress(mut self, on_progress: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.on_progress = Box::new(on_progress);
        self
    }

    /// Starts it, and waits until clients can read and write through every router.
    ///
    /// To be called in a runtime with several threads. What labs that were killed left behind is removed first.
    ///
    /// # Errors
    /// Something is missing on this machine, the lab is running already, or a part of it does not start. Nothing of it
    /// runs then, and a lab without a directory of the caller's has left nothing behind.
    pub async fn start(self) -> Result<Lab, LabError> {
        match self.start_unless(std::future::pending()).await? {
            Some(lab) => Ok(lab),
            // What never happens has happened.
            None => Err(LabError::Interrupted),
        }
    }

    /// As [`Self::start`], unless `interrupted` is over before the lab is up: then everything that runs already is stopped
    /// and removed in order. Returns `None` then.
    ///
    /// Dropping the start instead leaves the removal to what runs in the background, and to the next start.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_unless(
        self,
        interrupted: impl Future<Output = ()> + Send,
    ) -> Result<Option<Lab>, LabError> {
        match self.start_boxed(std::pin::pin!(interrupted)).await {
            Err(LabError::Interrupted) => Ok(None),
            started => started.map(Some),
        }
    }

    /// A start has many parts, and its future is big. No type of the caller's is in it, so that it is compiled here, once.
    fn start_boxed<'a>(
        self,
        interrupted: Pin<&'a mut (dyn Future<Output = ()> + Send)>,
    ) -> Pin<Box<dyn Future<Output = Result<Lab, LabError>> + Send + 'a>> {
        Box::pin(async { start::start(self.claim().await?, interrupted).await })
    }

    async fn claim(self) -> Result<Claim, LabError> {
        home::remove_dead();
        let found = host::look(&self.programs)?;
        let program = self.program.clone().map_or_else(host::this_program, Ok)?;
        // A directory of the caller's is locked before anything else: who has the lock, has its addresses too.
        let kept = self.directory.as_deref().map(take).transpose()?;
        let existing = match &kept {
            Some((directory, _)) => existing(directory)?,
            None => None,
        };
        let wanted = existing.as_ref().map(|layout| layout.block).or(self.block);
        let (block, control) = block::take(wanted).await?;
        let (directory, lock, temporary) = match kept {
            Some((directory, lock)) => (directory, lock, None),
            None => {
                let (directory, lock) = take(&home::transient(block.number()))?;
                let temporary = TempLab::new(directory.path().to_owned());
                (directory, lock, Some(temporary))
            }
        };
        let program = copy(&program, &directory)?;
        let host = found.host(program, directory.path().to_owned(), block);
        reach::check_way(directory.path(), host.run_as.as_deref()).await?;
        for programs in [&host.postgresql, &self.programs.jars] {
            let programs =
                std::path::absolute(programs).map_err(LabError::file("find", programs))?;
            reach::check_way(&programs, host.run_as.as_deref()).await?;
        }
        let (layout, is_new) = match existing {
            Some(mut layout) => {
                if !directory.made().exists() {
                    return Err(LabError::HalfMade(directory.path().to_owned()));
                }
                if self.options.is_some_and(|options| options != layout.options) {
                    return Err(LabError::OtherOptions(directory.path().to_owned()));
                }
                layout.program = host.program;
                // Its data are of that version, which no other reads.
                if self.programs.postgres.is_some() || !has_server(&layout.postgresql) {
                    layout.postgresql = host.postgresql;
                }
                layout.directory = host.directory;
                layout.taken_ports = host.taken_ports;
                (layout, false)
            }
            None => (Layout::new(self.options.unwrap_or_default(), block, host)?, true),
        };
        write(&layout, &directory)?;
        let Self { on_progress, programs, .. } = self;
        Ok(Claim { layout, directory, temporary, is_new, lock, control, programs, on_progress })
    }
}

/// Makes a directory if there is none, and locks it.
fn take(directory: &Path) -> Result<(LabDirectory, File), LabError> {
    fs::create_dir_all(directory).map_err(LabError::file("make", directory))?;
    let directory = fs::canonicalize(directory).map_err(LabError::file("find", directory))?;
    let directory = LabDirectory::new(directory);
    let lock = home::lock(&directory)
        .map_err(LabError::file("lock", directory.lock()))?
        .ok_or_else(|| LabError::Running(directory.path().to_owned()))?;
    // Others must get through it: the lab's services run as another user.
    let mode = Permissions::from_mode(0o755);
    fs::set_permissions(directory.path(), mode)
        .map_err(LabError::file("open up", directory.path()))?;
    // It was killed, perhaps, and what commands in its zones had started goes on.
    kill(directory.path())
        .map_err(LabError::file("end what is left of the lab in", directory.path()))?;
    Ok((directory, lock))
}

/// The layout of the lab that is in a directory. `None`: there is none yet.
fn existing(directory: &LabDirectory) -> Result<Option<Layout>, LabError> {
    let path = directory.layout();
    let json = match fs::read(&path) {
        Ok(json) => json,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(LabError::File { action: "read", path, source }),
    };
    let layout = serde_json::from_slice(&json);
    layout.map(Some).map_err(|source| LabError::BadLayout { path, source })
}

fn write(layout: &Layout, directory: &LabDirectory) -> Result<(), LabError> {
    let path = directory.layout();
    let json = serde_json::to_vec_pretty(layout)
        .map_err(|source| LabError::BadLayout { path: path.clone(), source })?;
    crate::host::write_atomically(&path, &json).map_err(LabError::file("write", path))
}

/// Puts the program into the lab's directory, as a link to it where that will do, and `fash` if that is beside it. There
/// everybody can run them, and they stay the same while the lab runs: whoever builds a program anew makes another file.
fn copy(program: &[PathBuf], directory: &LabDirectory) -> Result<Vec<PathBuf>, LabError> {
    let Some((first, rest)) = program.split_first() else { return Ok(Vec::new()) };
    let copied = directory.path().join("program");
    replace(first, &copied).map_err(LabError::file("copy the lab's program to", &copied))?;
    let (fash, beside) = (directory.fash(), first.with_file_name("fash"));
    let placed = if beside.is_file() { replace(&beside, &fash) } else { remove(&fash) };
    placed.map_err(LabError::file("copy fash to", &fash))?;
    Ok(std::iter::once(copied).chain(rest.iter().cloned()).collect())
}

fn replace(from: &Path, to: &Path) -> std::io::Result<()> {
    let beside = to.with_extension("new");
    remove(&beside)?;
    let everybody_runs_it = fs::metadata(from)?.permissions().mode() & 0o055 == 0o055;
    // It fails across file systems, and for files of others.
    if !everybody_runs_it || fs::hard_link(from, &beside).is_err() {
        fs::copy(from, &beside)?;
        fs::set_permissions(&beside, Permissions::from_mode(0o755))?;
    }
    // Renaming a link to another link of the same file does nothing.
    remove(to)?;
    fs::rename(beside, to)
}

/// Removes a file, if there is one.
fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
