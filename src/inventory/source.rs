//! The files of an inventory: read with limits, kept for the diagnostics, hashed for the digest.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::diagnostics::{Diagnostics, Finding};
use crate::failure::{Failure, Result as Fallible};

/// A file of an inventory larger than this is refused before it is parsed (1 MiB).
pub const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Names a file of [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

/// A place in a file: where something was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// Line from 1; 0 means the file as a whole.
    pub line: u32,
    /// Column from 1, in characters.
    pub column: u32,
    /// Byte offset in the file.
    pub offset: u32,
    /// Length in bytes; may run over several lines.
    pub length: u32,
}

impl Span {
    /// The file as a whole.
    pub fn whole(file: FileId) -> Span {
        Span { file, line: 0, column: 0, offset: 0, length: 0 }
    }
}

/// One file that was read.
#[derive(Debug, Clone)]
struct Source {
    path: String,
    text: String,
}

/// Every file that was read or asked for, in order.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<Source>,
    /// Files that count as if they were on disk, by path.
    supposed: BTreeMap<PathBuf, String>,
}

impl Sources {
    /// None yet, and these as if they were on disk: what is going to be written is checked before.
    pub fn supposing(supposed: BTreeMap<PathBuf, String>) -> Sources {
        Sources { files: Vec::new(), supposed }
    }

    /// The files below `folder` that are only supposed.
    pub fn supposed_in<'s>(&'s self, folder: &'s Path) -> impl Iterator<Item = PathBuf> + 's {
        self.supposed.keys().filter(move |path| path.parent() == Some(folder)).cloned()
    }

    /// Takes in a file as text, for instance one that is not on disk.
    pub fn add(&mut self, path: impl Into<String>, text: impl Into<String>) -> FileId {
        self.files.push(Source { path: path.into(), text: text.into() });
        FileId(u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX))
    }

    /// Reads a file: size, kind and encoding are checked before anything looks inside.
    ///
    /// # Errors
    /// The file, and a finding with the remedy; its text is then only what can be shown of it.
    pub fn read(&mut self, path: &Path) -> Result<FileId, (FileId, Box<Finding>)> {
        if let Some(text) = self.supposed.get(path).cloned() {
            return Ok(self.add(path.display().to_string(), text));
        }
        let id = self.add(path.display().to_string(), String::new());
        match read_text(path, id) {
            Ok(text) => self.files[id.0 as usize].text = text,
            Err((shown, finding)) => {
                self.files[id.0 as usize].text = shown;
                return Err((id, finding));
            }
        }
        Ok(id)
    }

    /// The path as a person would open it.
    pub fn path(&self, file: FileId) -> &str {
        self.files.get(file.0 as usize).map_or("", |source| &source.path)
    }

    /// The text of a file; empty when it could not be read.
    pub fn text(&self, file: FileId) -> &str {
        self.files.get(file.0 as usize).map_or("", |source| &source.text)
    }

    /// The span of `length` bytes at `offset`, with line and column counted.
    pub fn span(&self, file: FileId, offset: usize, length: usize) -> Span {
        let text = self.text(file);
        let offset = boundary(text, offset);
        let before = &text[..offset];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Span {
            file,
            line: number(before.matches('\n').count() + 1),
            column: number(before[line_start..].chars().count() + 1),
            offset: number(offset),
            length: number(length.min(text.len() - offset)),
        }
    }

    /// The line at `span` and the bytes of it that the span covers, cut at the end of the line.
    pub fn line(&self, span: Span) -> (&str, std::ops::Range<usize>) {
        let text = self.text(span.file);
        let offset = boundary(text, span.offset as usize);
        let start = text[..offset].rfind('\n').map_or(0, |at| at + 1);
        let end = text[offset..].find('\n').map_or(text.len(), |at| offset + at);
        let line = text[start..end].trim_end_matches('\r');
        let from = boundary(line, offset - start);
        let to = boundary(line, from.saturating_add(span.length as usize));
        let to = from + line[from..to].trim_end().len();
        (line, from..to)
    }
}

/// Reads a file that lies in an inventory and is no YAML of it (a template, a playbook), under the same rules.
///
/// # Errors
/// Exit 65, with the remedy: it is not there, no file, too large, not UTF-8.
pub fn read_file(path: &Path) -> Fallible<String> {
    let mut sources = Sources::default();
    match sources.read(path) {
        Ok(file) => Ok(sources.text(file).to_string()),
        Err((_, finding)) => Err(Failure::inventory(Diagnostics::new(vec![*finding], sources).render())),
    }
}

/// The first border between characters at or after `offset`.
fn boundary(text: &str, offset: usize) -> usize {
    (offset..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

/// Offsets fit: no file is larger than [`MAX_FILE_BYTES`].
fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// What can be shown of a file that is not taken, and why it is not.
type Refused = (String, Box<Finding>);

/// The text, or what can be shown of it with the reason why it is not taken.
fn read_text(path: &Path, id: FileId) -> Result<String, Refused> {
    let bytes = read_bytes(path, id).map_err(|finding| (String::new(), finding))?;
    decode(bytes, id)
}

fn read_bytes(path: &Path, id: FileId) -> Result<Vec<u8>, Box<Finding>> {
    let refuse = |message: &str, help: &str| Box::new(Finding::error(Span::whole(id), message).help(help));
    let unreadable = |error: std::io::Error| {
        refuse(&format!("cannot be read: {error}"), "check the rights of the file and its folders")
    };
    let metadata = fs::metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => refuse("no such file", "make it, or correct the name that leads here"),
        _ => unreadable(error),
    })?;
    if metadata.is_dir() {
        return Err(refuse("a folder where a file is meant", "move it away and write a file of this name"));
    }
    if !metadata.is_file() {
        return Err(refuse("not a regular file", "a device, socket or pipe cannot be part of an inventory"));
    }
    let too_large = || {
        let message = format!("larger than 1 MiB ({} bytes)", metadata.len());
        refuse(&message, "an inventory's file is small text; check what was put here")
    };
    if metadata.len() > MAX_FILE_BYTES {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let reading = fs::File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes));
    reading.map_err(unreadable)?;
    // The reading is bounded too: the file may have grown in between.
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(too_large());
    }
    Ok(bytes)
}

/// Only plain UTF-8 is taken, so that editors, git and other readers of YAML agree on what it says.
pub(super) fn decode(bytes: Vec<u8>, id: FileId) -> Result<String, Refused> {
    let first = Span { file: id, line: 1, column: 1, offset: 0, length: 0 };
    let refused = |finding: Finding| Err((String::new(), Box::new(finding)));
    if bytes.starts_with(&[0xef, 0xbb, 0xbf]) {
        let finding = Finding::error(first, "begins with a byte order mark (BOM)");
        return refused(finding.help("save the file as UTF-8 without BOM"));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return refused(Finding::error(first, "is UTF-16, not UTF-8").help("save the file as UTF-8 without BOM"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let byte = error.as_bytes().get(at).copied().unwrap_or_default();
        // The text before the byte is sound, so that offsets into it are the same.
        let mut shown = Sources::default();
        let inside = shown.add("", String::from_utf8_lossy(error.as_bytes()));
        let span = Span { file: id, ..shown.span(inside, at, 1) };
        let finding = Finding::error(span, format!("is not UTF-8: byte 0x{byte:02x}"))
            .help("save the file as UTF-8 (it looks like Latin-1 or Windows-1252)");
        (shown.text(inside).to_string(), Box::new(finding))
    })
}
