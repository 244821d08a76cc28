//! What is happening now: live on a terminal, a plain line per finished step without one.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::json::{Object, action_word};
use super::out::{Out, visible};
use crate::evidence::clock::local_time;
use crate::resources::Action;

/// One thing that happened on a host.
#[derive(Debug, Clone)]
pub enum Step {
    /// It is busy with this: connecting, comparing, fixing a resource.
    Doing(String),
    /// A resource was fixed.
    Fixed {
        /// The resource.
        id: String,
        /// Its owner.
        owner: String,
        /// What was done.
        action: Action,
        /// How long it took.
        milliseconds: u64,
    },
    /// A resource failed.
    Failed {
        /// The resource.
        id: String,
        /// Its owner.
        owner: String,
        /// Why.
        message: String,
    },
    /// A resource was left out.
    Skipped {
        /// The resource.
        id: String,
        /// Its owner.
        owner: String,
    },
    /// A resource is as far as it can be now.
    Waits {
        /// The resource.
        id: String,
        /// Its owner.
        owner: String,
        /// When an apply goes on with it: seconds since 1970-01-01T00:00:00Z.
        not_before: i64,
    },
    /// A notification was paid.
    Notified(String),
    /// A step of a procedure is over.
    Acted(String),
    /// The host is lost.
    Lost(String),
    /// Nothing more will happen there.
    Done,
}

/// Shows the steps of a run.
pub struct Progress {
    out: Out,
    started: Instant,
    screen: Option<Screen>,
    quiet: bool,
}

struct Screen {
    bars: MultiProgress,
    run: ProgressBar,
    hosts: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Progress {
    /// Begins a run. `quiet` keeps plain lines for failures only.
    pub fn new(out: Out, title: &str, quiet: bool) -> Progress {
        let screen = out.is_live().then(|| {
            let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
            let run = bars.add(ProgressBar::new(0));
            run.set_style(style("{elapsed_precise} {prefix} [{bar:30}] {pos}/{len}"));
            run.set_prefix(title.to_string());
            run.enable_steady_tick(Duration::from_millis(200));
            Screen { bars, run, hosts: Mutex::new(BTreeMap::new()) }
        });
        Progress { out, started: Instant::now(), screen, quiet }
    }

    /// Says how many resources will be fixed, once that is known.
    pub fn expect(&self, total: u64) {
        if let Some(screen) = &self.screen {
            screen.run.set_length(total);
        }
    }

    /// Takes notice of a step.
    pub fn step(&self, host: &str, step: &Step) {
        if self.out.is_json() {
            self.out.object(&object(host, step));
            return;
        }
        let line = self.line(host, step);
        match &self.screen {
            Some(screen) => screen.show(host, step, line.as_deref(), &self.out),
            None => {
                if let Some(line) = line {
                    self.out.remark(&line);
                }
            }
        }
    }

    /// Takes the live part off the screen.
    pub fn finish(&self) {
        if let Some(screen) = &self.screen {
            for bar in lock(&screen.hosts).values() {
                bar.finish_and_clear();
            }
            screen.run.finish_and_clear();
        }
    }

    pub(super) fn line(&self, host: &str, step: &Step) -> Option<String> {
        let at = format!("{:7.1}s {host}", self.started.elapsed().as_secs_f64());
        match step {
            Step::Fixed { id, owner, action, milliseconds } if !self.quiet => {
                Some(format!("{at}  {owner}  {} {id} ({milliseconds} ms)", past(*action)))
            }
            Step::Waits { id, owner, not_before } if !self.quiet => {
                Some(format!("{at}  {owner}  {id} waits until {}", local_time(*not_before)))
            }
            Step::Notified(notification) if !self.quiet => Some(format!("{at}  {notification}")),
            Step::Failed { id, owner, message } => Some(format!("{at}  {owner}  FAILED {id}: {}", further(message))),
            Step::Acted(what) => Some(format!("{at}  {what}")),
            Step::Lost(why) => Some(format!("{at}  LOST: {}", further(why))),
            _ => None,
        }
    }
}

impl Screen {
    fn show(&self, host: &str, step: &Step, line: Option<&str>, out: &Out) {
        let mut hosts = lock(&self.hosts);
        let bar = hosts.entry(host.to_string()).or_insert_with(|| {
            let bar = self.bars.add(ProgressBar::new_spinner());
            bar.set_style(style("  {spinner} {prefix} {wide_msg} {elapsed}"));
            bar.set_prefix(host.to_string());
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        match step {
            Step::Doing(what) => {
                bar.reset_elapsed();
                bar.set_message(what.clone());
            }
            Step::Fixed { .. } | Step::Skipped { .. } => self.run.inc(1),
            Step::Failed { .. } | Step::Lost(_) | Step::Acted(_) => {
                self.run.inc(1);
                // MultiProgress::println is lost when standard error is no terminal; this is not.
                if let Some(line) = line {
                    self.bars.suspend(|| out.remark(line));
                }
            }
            Step::Notified(_) | Step::Waits { .. } => {}
            Step::Done => bar.finish_and_clear(),
        }
    }
}

/// Further lines stand below the first, so that every step begins at the margin.
fn further(message: &str) -> String {
    visible(message.trim_end()).replace('\n', "\n          ")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn past(action: Action) -> &'static str {
    match action {
        Action::Create => "created",
        Action::Change => "changed",
        Action::Adopt => "adopted",
        Action::AdoptAndChange => "adopted and changed",
        Action::Remove => "removed",
        Action::Keep => "kept",
        Action::Wait => "left for later",
    }
}

pub(super) fn object(host: &str, step: &Step) -> Object {
    let action = match step {
        Step::Fixed { action, .. } => Some(action_word(*action).to_string()),
        _ => None,
    };
    let (event, id, owner, message, milliseconds) = match step {
        Step::Doing(what) => ("started", Some(what), None, None, None),
        Step::Fixed { id, owner, milliseconds, .. } => ("fixed", Some(id), Some(owner), None, Some(*milliseconds)),
        Step::Failed { id, owner, message } => ("failed", Some(id), Some(owner), Some(message), None),
        Step::Skipped { id, owner } => ("skipped", Some(id), Some(owner), None, None),
        Step::Waits { id, owner, .. } => ("waits", Some(id), Some(owner), None, None),
        Step::Notified(notification) => ("notified", Some(notification), None, None, None),
        Step::Acted(what) => ("acted", Some(what), None, None, None),
        Step::Lost(why) => ("lost", None, None, Some(why), None),
        Step::Done => ("done", None, None, None, None),
    };
    Object::Step {
        host: host.to_string(),
        event: event.to_string(),
        id: id.cloned(),
        owner: owner.cloned(),
        action,
        message: message.cloned(),
        milliseconds,
        not_before: match step {
            Step::Waits { not_before, .. } => Some(local_time(*not_before)),
            _ => None,
        },
    }
}
