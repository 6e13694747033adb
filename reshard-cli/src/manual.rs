//! Things that clap makes of a command besides running it: scripts that complete it, and its man pages.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

/// Prints the script that completes a command in a shell.
pub(crate) fn completions(
    shell: Shell,
    mut command: Command,
    out: &mut impl Write,
) -> io::Result<()> {
    // In memory first: the generator would panic on a closed pipe.
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name, &mut script);
    out.write_all(&script)
}

/// Writes the man pages of a command and all its subcommands into a directory, which is made if need be.
pub(crate) fn write_pages(command: Command, directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    clap_mangen::generate_to(command, directory)
}

/// Prints the man page of a command, or of the subcommand that these words name. Without such a one nothing is printed, and
/// the first word that names none is returned.
pub(crate) fn page(
    command: Command,
    words: &[String],
    out: &mut impl Write,
) -> io::Result<Option<String>> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut of = &command;
    for word in words {
        match of.find_subcommand(word) {
            Some(found) => of = found,
            None => return Ok(Some(word.clone())),
        }
    }
    Man::new(of.clone()).render(out)?;
    Ok(None)
}
