//! Which folders and files an inventory is made of, read and merged: the included first, what stands here on top.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

use super::diagnostics::{Finding, nearest, quoted};
use super::merge::merge;
use super::node::{self, Node, Value};
use super::schema::File;
use super::shape;
use super::source::{FileId, Sources, Span};
use super::syntax;
use crate::digest::hex;

/// One file over all layers.
#[derive(Debug, Clone)]
pub struct Layered {
    /// Merged; an empty map when nothing could be read.
    pub tree: Node,
    /// The topmost file of this name.
    pub file: FileId,
    /// Whether every file of this name could be read as YAML.
    pub sound: bool,
    /// Whether it has the shape of the schema.
    pub shaped: bool,
}

/// All files, before defaults and types.
#[derive(Debug)]
pub struct Layers {
    /// The folders, the included first.
    pub folders: Vec<PathBuf>,
    /// The layer's folder of every file.
    pub folder_of: BTreeMap<FileId, PathBuf>,
    /// `consortium.yml`.
    pub consortium: Option<Layered>,
    /// `hosts.yml`.
    pub hosts: Option<Layered>,
    /// `applications/*.yml` by name.
    pub applications: BTreeMap<String, Layered>,
    /// `members/*.yml` by slug.
    pub members: BTreeMap<String, Layered>,
    /// `playbooks/upgrade.yml`, over the built-in one.
    pub rollout: Layered,
    /// `authority.pem` of the topmost folder that has one.
    pub authority: Option<FileId>,
    /// SHA-256 (hex) over names and contents.
    pub digest: String,
}

/// How releases come to the tenants.
const UPGRADE: &str = "playbooks/upgrade.yml";

/// The built-in one.
const ROLLOUT: &str = include_str!("../../playbooks/upgrade.yml");

/// Reads a folder and what it includes.
pub fn read(directory: &Path, sources: &mut Sources, findings: &mut Vec<Finding>) -> Layers {
    let built_in = sources.add("playbooks/upgrade.yml (built-in)", ROLLOUT);
    let layers = Layers {
        folders: Vec::new(),
        folder_of: BTreeMap::new(),
        consortium: None,
        hosts: None,
        applications: BTreeMap::new(),
        members: BTreeMap::new(),
        rollout: parsed(sources, built_in, true, File::Rollout, findings),
        authority: None,
        digest: String::new(),
    };
    let mut reader = Reader { sources, findings, layers, hash: Sha256::new(), chain: Vec::new() };
    reader.folder(directory, None);
    let mut layers = reader.layers;
    layers.digest = hex(&reader.hash.finalize());
    layers
}

struct Reader<'a> {
    sources: &'a mut Sources,
    findings: &'a mut Vec<Finding>,
    layers: Layers,
    hash: Sha256,
    /// The folders on the way from the top to here: as written, and as the system knows them.
    chain: Vec<(PathBuf, PathBuf)>,
}

impl Reader<'_> {
    /// Reads one folder and what it includes; whether what it includes was there.
    fn folder(&mut self, folder: &Path, included_at: Option<Span>) -> bool {
        let real = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
        if let (Some(span), Some(first)) = (included_at, self.chain.iter().position(|(_, known)| *known == real)) {
            let names = self.chain[first..].iter().map(|(folder, _)| folder.display().to_string());
            let names: Vec<String> = names.chain([folder.display().to_string()]).collect();
            self.findings.push(
                Finding::error(span, format!("a loop of includes: {}", names.join(" includes ")))
                    .help("take one `include:` of the loop away"),
            );
            return false;
        }
        if let Some(span) = included_at
            && !folder.join("consortium.yml").exists()
        {
            self.findings.push(
                Finding::error(span, format!("no inventory at {}", quoted(&folder.display().to_string())))
                    .label("from here")
                    .help("`include:` is the path of a folder with a `consortium.yml`, from this folder"),
            );
            return false;
        }
        self.chain.push((folder.to_path_buf(), real));
        // Parsed before the included folder is known, laid on top of it afterwards.
        let mut consortium = self.parse(folder, "consortium.yml", File::Consortium);
        if let Some((include, span)) = include_of(&consortium) {
            // Without it nothing can be said about what is missing here.
            consortium.sound &= self.folder(&joined(folder, &include), Some(span));
        }
        self.layers.folders.push(folder.to_path_buf());
        self.hash_text("layer", "");
        self.hash_file("consortium.yml", consortium.file);
        self.layers.consortium = Some(laid(self.layers.consortium.take(), consortium));
        self.rest_of(folder);
        self.chain.pop();
        true
    }

    fn rest_of(&mut self, folder: &Path) {
        if folder.join("hosts.yml").exists() {
            let hosts = self.parse(folder, "hosts.yml", File::Hosts);
            self.hash_file("hosts.yml", hosts.file);
            self.layers.hosts = Some(laid(self.layers.hosts.take(), hosts));
        }
        for (inner, kind) in [("applications", File::Application), ("members", File::Member)] {
            for name in self.names_in(folder, inner) {
                let path = format!("{inner}/{name}.yml");
                let layered = self.parse(folder, &path, kind);
                self.hash_file(&path, layered.file);
                let known = if kind == File::Member { &mut self.layers.members } else { &mut self.layers.applications };
                let under = known.remove(&name);
                known.insert(name, laid(under, layered));
            }
        }
        if folder.join(UPGRADE).exists() {
            let rollout = self.parse(folder, UPGRADE, File::Rollout);
            self.hash_file(UPGRADE, rollout.file);
            self.layers.rollout = laid(Some(self.layers.rollout.clone()), rollout);
        }
        if folder.join("authority.pem").exists() {
            self.authority(folder);
        }
        self.strangers(folder);
    }

    fn parse(&mut self, folder: &Path, name: &str, kind: File) -> Layered {
        let path = folder.join(name);
        let (file, read) = match self.sources.read(&path) {
            Ok(file) => (file, true),
            Err((file, finding)) => {
                self.findings.push(*finding);
                (file, false)
            }
        };
        self.layers.folder_of.insert(file, folder.to_path_buf());
        parsed(self.sources, file, read, kind, self.findings)
    }

    /// The names of the `.yml` files of a folder. What would be passed over in silence by mistake is an error.
    fn names_in(&mut self, folder: &Path, inner: &str) -> Vec<String> {
        let path = folder.join(inner);
        let mut files: Vec<PathBuf> = self.sources.supposed_in(&path).collect();
        match fs::read_dir(&path) {
            Ok(entries) => files.extend(entries.filter_map(|entry| entry.ok().map(|entry| entry.path()))),
            Err(error) => {
                if path.symlink_metadata().is_ok() {
                    self.whole_file(
                        &path,
                        format!("cannot be read as a folder: {error}"),
                        "make it a folder of `.yml` files",
                    );
                }
            }
        }
        files.sort();
        files.dedup();
        let mut names = Vec::new();
        for file in files {
            let Some(name) = file.file_name().and_then(|name| name.to_str()) else {
                self.whole_file(&file, "the name of the file is not UTF-8".to_string(), "rename it");
                continue;
            };
            if name.starts_with('.') || name.ends_with('~') {
                continue;
            }
            match name.strip_suffix(".yml") {
                Some(stem) => match syntax::slug(stem) {
                    Ok(()) => names.push(stem.to_string()),
                    Err(why) => {
                        let help = "small letters, digits and single hyphens make a name: `induno-olona.yml`";
                        self.whole_file(&file, format!("the name of the file {why}"), help);
                    }
                },
                None if name.ends_with(".yaml") || name.ends_with(".YML") => {
                    self.whole_file(
                        &file,
                        "would be passed over: only `.yml` files are read".to_string(),
                        "rename it to `.yml`",
                    );
                }
                None => {}
            }
        }
        names
    }

    fn authority(&mut self, folder: &Path) {
        match self.sources.read(&folder.join("authority.pem")) {
            Ok(file) => {
                let text = self.sources.text(file);
                if text.contains("PRIVATE KEY") {
                    let help = "take the key out of the repository and make a new authority; keys live in `secrets/`";
                    self.findings.push(Finding::error(Span::whole(file), "holds a private key").help(help));
                } else if !text.contains("-----BEGIN CERTIFICATE-----") {
                    let help = "`comuni secrets set --missing` makes the authority";
                    self.findings.push(Finding::error(Span::whole(file), "holds no certificate").help(help));
                }
                self.hash_file("authority.pem", file);
                self.layers.authority = Some(file);
            }
            Err((_, finding)) => self.findings.push(*finding),
        }
    }

    /// A file that nothing reads is probably a slip: `host.yml`, `member/malnate.yml`.
    fn strangers(&mut self, folder: &Path) {
        const KNOWN: [&str; 7] =
            ["consortium.yml", "hosts.yml", "applications", "members", "playbooks", "templates", "secrets"];
        let names =
            fs::read_dir(folder).into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| !KNOWN.contains(&name.as_str())).collect();
        names.sort();
        for name in names {
            let yaml = name.ends_with(".yml") || name.ends_with(".yaml");
            if let Some(meant) = nearest(&name, KNOWN)
                && (yaml || !name.contains('.'))
            {
                let file = self.sources.add(folder.join(&name).display().to_string(), "");
                let finding = Finding::warning(Span::whole(file), "nothing reads this");
                self.findings.push(finding.help(format!("did you mean `{meant}`?")));
            }
        }
    }

    fn whole_file(&mut self, path: &Path, message: String, help: &str) {
        let file = self.sources.add(path.display().to_string(), "");
        self.findings.push(Finding::error(Span::whole(file), message).help(help));
    }

    fn hash_file(&mut self, name: &str, file: FileId) {
        let text = self.sources.text(file).to_string();
        self.hash_text(name, &text);
    }

    /// Lengths are hashed too, so that no two sets of files can run together into one.
    fn hash_text(&mut self, name: &str, text: &str) {
        for part in [name, text] {
            self.hash.update((part.len() as u64).to_be_bytes());
            self.hash.update(part.as_bytes());
        }
    }
}

/// One file as a tree, if it was `read`.
fn parsed(sources: &Sources, file: FileId, read: bool, kind: File, findings: &mut Vec<Finding>) -> Layered {
    let before = findings.len();
    let parsed = if read { node::parse(sources, file, findings) } else { None };
    let sound = parsed.is_some();
    let top = Span { file, line: 1, column: 1, offset: 0, length: 0 };
    let mut tree = parsed.unwrap_or_else(|| Node::empty(top));
    if tree.value == Value::Null {
        tree = Node::empty(top);
    }
    shape::wrong(&tree, kind.part(), findings);
    let is_map = matches!(tree.value, Value::Map(_));
    if !is_map {
        tree = Node::empty(top);
    }
    Layered { tree, file, sound: sound && is_map, shaped: sound && findings.len() == before }
}

fn laid(under: Option<Layered>, over: Layered) -> Layered {
    match under {
        Some(under) => Layered {
            tree: merge(under.tree, over.tree),
            file: over.file,
            sound: under.sound && over.sound,
            shaped: under.shaped && over.shaped,
        },
        None => over,
    }
}

fn include_of(consortium: &Layered) -> Option<(String, Span)> {
    match &consortium.tree.at(&["include"])?.value {
        Value::Str(path) => Some((path.clone(), consortium.tree.place(&["include"]))),
        _ => None,
    }
}

/// `a/b` and `../c` are `a/c` for a reader, unless a symbolic link makes that another folder.
fn joined(folder: &Path, include: &str) -> PathBuf {
    let raw = folder.join(include);
    let mut short = PathBuf::new();
    for part in raw.components() {
        match part {
            Component::ParentDir if matches!(short.components().next_back(), Some(Component::Normal(_))) => {
                short.pop();
            }
            Component::CurDir => {}
            other => short.push(other),
        }
    }
    match (fs::canonicalize(&raw), fs::canonicalize(&short)) {
        (Ok(one), Ok(other)) if one == other => short,
        (Err(_), Err(_)) => short,
        _ => raw,
    }
}
