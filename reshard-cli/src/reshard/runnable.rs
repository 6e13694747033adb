//! Commands that are shown to be typed: with the plan's real file, so that they can be pasted.

use std::path::Path;

/// The form of commands about one plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Runnable {
    file: String,
    /// The option that names the configuration; empty if the region is found without it.
    config: String,
}

impl Runnable {
    /// Commands about the plan in this file. `config` is the configuration's file, if it has to be said.
    pub(super) fn new(file: &Path, config: Option<&Path>) -> Self {
        let quoted = |path: &Path| quoted(&path.display().to_string());
        Self {
            file: quoted(file),
            config: config.map(|path| format!(" --config {}", quoted(path))).unwrap_or_default(),
        }
    }

    /// A command that only needs the file: `reshard pause split.plan`.
    pub(super) fn about(&self, verb: &str, options: &str) -> String {
        format!("reshard {verb} {}{options}", self.file)
    }

    /// A command that also needs the region.
    pub(super) fn in_region(&self, verb: &str, options: &str) -> String {
        format!("reshard {verb} {}{}{options}", self.file, self.config)
    }

    /// The plan's file, as it is typed.
    pub(super) fn file(&self) -> &str {
        &self.file
    }
}

/// A word as a shell reads it.
pub(super) fn quoted(word: &str) -> String {
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:,@%".contains(&byte);
    if !word.is_empty() && !word.starts_with('-') && word.bytes().all(is_safe) {
        return word.to_owned();
    }
    let escaped = word.replace('\'', r"'\''");
    // A file whose name begins with a dash is no option when it has its directory.
    let directory = if word.starts_with('-') { "./" } else { "" };
    format!("{directory}'{escaped}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_can_be_pasted() {
        let plain = Runnable::new(Path::new("plans/split.plan"), None);
        assert_eq!(
            plain.about("pause", " --before drain"),
            "reshard pause plans/split.plan --before drain"
        );
        assert_eq!(plain.in_region("resume", ""), "reshard resume plans/split.plan");
        let odd = Runnable::new(Path::new("my plan's"), Some(Path::new("lab.toml")));
        assert_eq!(
            odd.in_region("abort", " --yes"),
            r"reshard abort 'my plan'\''s' --config lab.toml --yes"
        );
        assert_eq!(Runnable::new(Path::new("-x"), None).file(), "./'-x'");
    }
}
