//! Golden files: what is said now against what was said when somebody last read it.

use std::fs;
use std::path::{Path, PathBuf};

/// Texts that differ from their golden files, told all at once by [`Golden::agree`].
#[derive(Default)]
pub struct Golden {
    different: Vec<String>,
}

impl Golden {
    /// Compares a text with `tests/golden/<name>`; with `UPDATE_GOLDEN=1` it writes the file.
    pub fn same(&mut self, name: impl AsRef<Path>, actual: &str) {
        let path = root().join("tests/golden").join(name);
        self.same_file(&path, actual);
    }

    /// As [`Golden::same`] for a file anywhere in the repository.
    pub fn same_file(&mut self, path: &Path, actual: &str) {
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, actual).unwrap();
            return;
        }
        let expected = fs::read_to_string(path).unwrap_or_default();
        if expected != actual {
            let diff = similar::TextDiff::from_lines(&expected, actual).unified_diff().context_radius(2).to_string();
            self.different.push(format!("{}:\n{diff}", path.display()));
        }
    }

    /// Fails with the differences of all texts.
    pub fn agree(self) {
        assert!(self.different.is_empty(), "UPDATE_GOLDEN=1 takes these over:\n{}", self.different.join("\n"));
    }
}

/// The folder of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
