//! A host kept in memory, for tests: a tree of files, and small models of the programs that change a Debian host.

mod accounts;
mod knot;
mod packages;
mod systemd;
mod tools;
mod world;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::Path;

pub use world::{Node, Unit, World};

use super::{Command, Conversation, FileKind, Machine, Output, Ownership, Stat};
use crate::digest::sha256;
use crate::failure::{Failure, Result};

/// A model of a program: what it answers, and what it does to the world.
pub type Program = fn(&mut World, &Command) -> Output;

/// When a host is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Just before the change with this number (counted from 0) takes effect.
    Before(usize),
    /// Just after it took effect, before anybody is told.
    After(usize),
}

/// A host kept in memory.
pub struct Fake {
    /// Its whole state. Tests may look at it and disturb it.
    pub world: World,
    programs: BTreeMap<String, Program>,
    scripted: Vec<(Vec<String>, Output)>,
    changes: Vec<String>,
    asked: RefCell<Vec<String>>,
    /// What was answered, and about which state: tests change the world behind our back.
    answers: RefCell<(World, HashMap<Command, Output>)>,
    fault: Option<Fault>,
}

impl Default for Fake {
    fn default() -> Fake {
        Fake::new()
    }
}

impl Fake {
    /// A freshly installed Debian: the usual directories, root's account, no packages, no units.
    pub fn new() -> Fake {
        let programs: [(&str, Program); 23] = [
            ("groupadd", accounts::groupadd),
            ("groupdel", accounts::groupdel),
            ("useradd", accounts::useradd),
            ("usermod", accounts::usermod),
            ("userdel", accounts::userdel),
            ("apt-get", packages::apt_get),
            ("dpkg", packages::dpkg),
            ("systemctl", systemd::systemctl),
            ("journalctl", systemd::journalctl),
            ("knotc", knot::knotc),
            ("kdig", knot::kdig),
            ("keymgr", knot::keymgr),
            ("kzonecheck", knot::kzonecheck),
            ("openssl", tools::openssl),
            ("tar", tools::tar),
            ("chmod", tools::chmod),
            ("sync", tools::quiet),
            ("sleep", tools::quiet),
            ("nginx", tools::quiet),
            ("nft", tools::quiet),
            ("sshd", tools::quiet),
            ("visudo", tools::quiet),
            ("systemd-analyze", tools::quiet),
        ];
        Fake {
            world: World::debian(),
            programs: programs.into_iter().map(|(name, program)| (name.to_string(), program)).collect(),
            scripted: Vec::new(),
            changes: Vec::new(),
            asked: RefCell::new(Vec::new()),
            answers: RefCell::new((World::debian(), HashMap::new())),
            fault: None,
        }
    }

    /// Installs the model of one more program, or another model of a known one.
    pub fn program(&mut self, name: &str, program: Program) {
        self.programs.insert(name.to_string(), program);
    }

    /// From now on every command whose arguments begin with `argv` gets this answer and changes nothing.
    pub fn answer(&mut self, argv: &[&str], status: i32, stdout: &str, stderr: &str) {
        let argv = argv.iter().map(ToString::to_string).collect();
        let output = Output { status, stdout: stdout.into(), stderr: stderr.into() };
        self.scripted.insert(0, (argv, output));
        self.answers.get_mut().1.clear();
    }

    /// Forgets all that [`Fake::answer`] was told.
    pub fn answer_freely(&mut self) {
        self.scripted.clear();
        self.answers.get_mut().1.clear();
    }

    /// Cuts the host off at a change; every later change fails too, until [`Fake::mend`].
    pub fn cut_off(&mut self, fault: Fault) {
        self.fault = Some(fault);
        self.changes.clear();
    }

    /// The host can be reached again.
    pub fn mend(&mut self) {
        self.fault = None;
        self.changes.clear();
    }

    /// What was changed through the machine so far, in order: `write /path`, `run useradd ...`.
    pub fn changes(&self) -> &[String] {
        &self.changes
    }

    /// The processes that questions started so far; a remembered answer starts none.
    pub fn asked(&self) -> Vec<String> {
        self.asked.borrow().clone()
    }

    /// Puts a file there, with its parents, owned by root; for setting a scene, hence not among the changes.
    pub fn with_file(&mut self, path: &str, content: impl AsRef<[u8]>, mode: u32) {
        self.with_directory(parent(path), 0o755);
        self.world.put(path, Node::file(content.as_ref(), &Ownership { uid: 0, gid: 0, mode }));
        self.answers.get_mut().1.clear();
    }

    /// Puts a directory there, with its parents, owned by root.
    pub fn with_directory(&mut self, path: &str, mode: u32) {
        if path != "/" && self.world.node(path).is_none() {
            self.with_directory(parent(path), 0o755);
            self.world.put(path, Node::directory(&Ownership { uid: 0, gid: 0, mode }));
        }
    }

    fn change<T>(&mut self, what: String, act: impl FnOnce(&mut Fake) -> Result<T>) -> Result<T> {
        let number = self.changes.len();
        self.changes.push(what);
        self.forget();
        let lost = || Failure::operation("the host was cut off");
        match self.fault {
            Some(Fault::Before(at)) if number >= at => Err(lost()),
            Some(Fault::After(at)) if number > at => Err(lost()),
            Some(Fault::After(at)) if number == at => act(self).and_then(|_| Err(lost())),
            _ => act(self),
        }
    }

    fn start(&self, world: &mut World, command: &Command) -> Result<Output> {
        if let Some(user) = &command.user
            && world.line_of("/etc/passwd", user).is_none()
        {
            return Err(Failure::operation(format!("there is no user {user} on this host")));
        }
        let scripted = self.scripted.iter().find(|(prefix, _)| command.argv.starts_with(prefix));
        if let Some((_, output)) = scripted {
            return Ok(output.clone());
        }
        let name = command.argv.first().map_or("", String::as_str);
        Ok(match self.programs.get(name) {
            Some(program) => program(world, command),
            None => Output { status: 127, stdout: Vec::new(), stderr: format!("{name}: not found").into_bytes() },
        })
    }
}

impl Machine for Fake {
    fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        match self.world.followed(path) {
            None => Ok(None),
            Some(Node { content: world::Content::File(bytes), .. }) => Ok(Some(bytes.clone())),
            Some(_) => Err(Failure::operation(format!("cannot read {}: Is a directory", path.display()))),
        }
    }

    fn stat(&self, path: &Path) -> Result<Option<Stat>> {
        Ok(self.world.node(path).map(Node::stat))
    }

    fn link_target(&self, path: &Path) -> Result<Option<String>> {
        Ok(self.world.node(path).and_then(|node| match &node.content {
            world::Content::Link(target) => Some(target.clone()),
            _ => None,
        }))
    }

    fn list(&self, path: &Path) -> Result<Vec<String>> {
        Ok(self.world.names_in(path))
    }

    fn names(&self, path: &Path) -> Result<Vec<OsString>> {
        Ok(self.world.names_in(path).into_iter().map(OsString::from).collect())
    }

    fn sha256(&self, path: &Path) -> Result<Option<String>> {
        Ok(self.read(path)?.map(sha256))
    }

    /// # Panics
    /// When the command would have changed the host: a question must not.
    fn query(&self, command: &Command) -> Result<Output> {
        if self.answers.borrow().0 != self.world {
            *self.answers.borrow_mut() = (self.world.clone(), HashMap::new());
        }
        if let Some(answer) = self.answers.borrow().1.get(command) {
            return Ok(answer.clone());
        }
        self.asked.borrow_mut().push(command.argv.join(" "));
        let mut after = self.world.clone();
        let answer = self.start(&mut after, command)?;
        assert!(after == self.world, "the question `{}` changed the host", command.argv.join(" "));
        self.answers.borrow_mut().1.insert(command.clone(), answer.clone());
        Ok(answer)
    }

    fn forget(&mut self) {
        self.answers.get_mut().1.clear();
    }

    /// A model of a program answers once and is gone: nobody can talk with it.
    fn converse(&self, command: &Command) -> Result<Box<dyn Conversation>> {
        Err(Failure::operation(format!("nobody can talk with {} on a host kept in memory", command.argv.join(" "))))
    }

    fn now(&self) -> i64 {
        self.world.now
    }

    fn write(&mut self, path: &Path, content: &[u8], ownership: &Ownership) -> Result<()> {
        self.change(format!("write {}", path.display()), |host| {
            host.world.room_for(path, "write")?;
            if host.world.is(path, FileKind::Directory) {
                return Err(Failure::operation(format!("cannot write {}: Is a directory", path.display())));
            }
            host.world.put(path, Node::file(content, ownership));
            Ok(())
        })
    }

    fn append(&mut self, path: &Path, content: &[u8], ownership: &Ownership) -> Result<()> {
        self.change(format!("append {}", path.display()), |host| {
            host.world.room_for(path, "append to")?;
            match host.world.content_mut(path) {
                Some(there) => there.extend(content),
                None => host.world.put(path, Node::file(content, ownership)),
            }
            Ok(())
        })
    }

    fn make_directory(&mut self, path: &Path, ownership: &Ownership) -> Result<()> {
        self.change(format!("make directory {}", path.display()), |host| {
            host.world.room_for(path, "make the directory")?;
            if host.world.node(path).is_some() {
                return Err(Failure::operation(format!("cannot make the directory {}: File exists", path.display())));
            }
            host.world.put(path, Node::directory(ownership));
            Ok(())
        })
    }

    fn set_ownership(&mut self, path: &Path, ownership: &Ownership) -> Result<()> {
        self.change(format!("set ownership {}", path.display()), |host| match host.world.node_mut(path) {
            Some(node) => {
                node.own(ownership);
                Ok(())
            }
            None => Err(Failure::operation(format!(
                "cannot set owner and mode of {}: No such file or directory",
                path.display()
            ))),
        })
    }

    fn make_symlink(&mut self, path: &Path, target: &str) -> Result<()> {
        self.change(format!("make link {}", path.display()), |host| {
            host.world.room_for(path, "make the link")?;
            if host.world.is(path, FileKind::Directory) {
                return Err(Failure::operation(format!("cannot make the link {}: Is a directory", path.display())));
            }
            host.world.put(path, Node::link(target));
            Ok(())
        })
    }

    fn rename(&mut self, from: &Path, to: &Path) -> Result<()> {
        self.change(format!("rename {} {}", from.display(), to.display()), |host| host.world.rename(from, to))
    }

    fn remove(&mut self, path: &Path) -> Result<()> {
        self.change(format!("remove {}", path.display()), |host| {
            if !host.world.names_in(path).is_empty() {
                return Err(Failure::operation(format!("cannot remove {}: Directory not empty", path.display())));
            }
            host.world.take(path);
            Ok(())
        })
    }

    fn remove_tree(&mut self, path: &Path) -> Result<()> {
        self.change(format!("remove tree {}", path.display()), |host| {
            host.world.take(path);
            Ok(())
        })
    }

    fn run(&mut self, command: &Command) -> Result<Output> {
        self.change(format!("run {}", command.argv.join(" ")), |host| {
            let mut world = host.world.clone();
            let output = host.start(&mut world, command);
            host.world = world;
            output
        })
    }
}

fn parent(path: &str) -> &str {
    Path::new(path).parent().and_then(Path::to_str).unwrap_or("/")
}

fn said(status: i32, stdout: impl Into<Vec<u8>>, stderr: impl Into<Vec<u8>>) -> Output {
    Output { status, stdout: stdout.into(), stderr: stderr.into() }
}

/// The value after `--name` or in `--name=value`.
fn option<'a>(argv: &'a [String], name: &str) -> Option<&'a str> {
    let at = argv.iter().position(|argument| argument == name);
    let apart = at.and_then(|at| argv.get(at + 1)).map(String::as_str);
    apart.or_else(|| argv.iter().find_map(|argument| argument.strip_prefix(name)?.strip_prefix('=')))
}
