//! What can be wrong with what watches, what each does to the exit code, and what to do about it.

use crate::failure::Kind;

/// Kinds of things that are wrong. The order is that in which they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Prometheus or Alertmanager did not answer a question.
    NotAsked,
    /// The inventory asks for a target that Prometheus does not know.
    TargetMissing,
    /// It is asked in another way than the inventory says.
    TargetDiffers,
    /// Something is watched that the inventory does not ask for.
    TargetStrange,
    /// A target does not answer.
    TargetDown,
    /// A target was not asked yet.
    TargetNew,
    /// Prometheus refused its files and goes by older ones.
    ReloadFailed,
    /// A file of rules on disk is not loaded.
    RuleNotLoaded,
    /// Rules are loaded from a file that is not there any more.
    RuleGone,
    /// A file was changed after it was loaded.
    RuleChanged,
    /// A rule cannot be reckoned.
    RuleFails,
    /// A group of rules is not reckoned any more.
    RuleStill,
    /// A rule names a metric that nobody measures.
    MetricMissing,
    /// Alertmanager does not have the alert that always fires.
    WatchdogMissing,
    /// Somebody muted it, or routes lead it elsewhere.
    WatchdogUnheard,
    /// A silence lasts for longer than any work.
    SilenceLong,
    /// A silence began long ago.
    SilenceOld,
    /// A silence mutes more than one thing.
    SilenceWide,
}

impl Trouble {
    /// Its name, in JSON and metrics.
    pub fn id(self) -> &'static str {
        match self {
            Trouble::NotAsked => "not-asked",
            Trouble::TargetMissing => "target-missing",
            Trouble::TargetDiffers => "target-differs",
            Trouble::TargetStrange => "target-strange",
            Trouble::TargetDown => "target-down",
            Trouble::TargetNew => "target-new",
            Trouble::ReloadFailed => "reload-failed",
            Trouble::RuleNotLoaded => "rule-not-loaded",
            Trouble::RuleGone => "rule-gone",
            Trouble::RuleChanged => "rule-changed",
            Trouble::RuleFails => "rule-fails",
            Trouble::RuleStill => "rule-still",
            Trouble::MetricMissing => "metric-missing",
            Trouble::WatchdogMissing => "watchdog-missing",
            Trouble::WatchdogUnheard => "watchdog-unheard",
            Trouble::SilenceLong => "silence-long",
            Trouble::SilenceOld => "silence-old",
            Trouble::SilenceWide => "silence-wide",
        }
    }

    /// What it does to the exit code.
    pub fn kind(self) -> Kind {
        match self {
            Trouble::NotAsked | Trouble::TargetNew => Kind::Inconclusive,
            Trouble::MetricMissing | Trouble::SilenceLong | Trouble::SilenceOld | Trouble::SilenceWide => Kind::Stale,
            _ => Kind::Damage,
        }
    }

    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Trouble::NotAsked => "on the monitoring host: systemctl status prometheus prometheus-alertmanager",
            Trouble::TargetMissing | Trouble::TargetDiffers | Trouble::TargetStrange => {
                "bring the targets of the inventory: comuni apply --area monitoring"
            }
            Trouble::TargetDown => "docs/runbooks/TargetDown.md; of a tenant or zone: look at its alert",
            Trouble::TargetNew => "it was added a moment ago: look again within a minute",
            Trouble::ReloadFailed => "docs/runbooks/PrometheusReloadFailed.md",
            Trouble::RuleNotLoaded | Trouble::RuleGone | Trouble::RuleChanged => {
                "comuni plan --area monitoring says whether the file was changed by hand; systemctl reload prometheus loads it"
            }
            Trouble::RuleFails => "docs/runbooks/RuleFails.md",
            Trouble::RuleStill => "Prometheus cannot keep up or is ending: look at its journal and its processor time",
            Trouble::MetricMissing => {
                "is its exporter or timer at work? comune_dns_* come from `comuni dns check --textfile`, \
                 comuni_restore_test_* from `comuni backup verify --textfile`"
            }
            Trouble::WatchdogMissing => "alerts do not reach Alertmanager: docs/runbooks/AlertmanagerUnknown.md",
            Trouble::WatchdogUnheard => "docs/runbooks/Watchdog.md",
            Trouble::SilenceLong | Trouble::SilenceOld | Trouble::SilenceWide => {
                "lift it when the work is over: comuni monitoring silence --lift --member M, or amtool silence expire ID"
            }
        }
    }
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What.
    pub trouble: Trouble,
    /// What it is about: a target, a file, a rule, a metric, a silence.
    pub about: String,
    /// In a technician's words.
    pub what: String,
}

impl Finding {
    /// One.
    pub fn new(trouble: Trouble, about: impl Into<String>, what: impl Into<String>) -> Finding {
        Finding { trouble, about: about.into(), what: what.into() }
    }
}
