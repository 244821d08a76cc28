//! Collects what differs while a kind compares.

use super::{Action, Change, Check};
use crate::failure::{Failure, Result};

/// What differs so far.
#[derive(Debug, Default)]
pub(super) struct Differences(Vec<Change>);

impl Differences {
    /// Nothing yet.
    pub(super) fn new() -> Differences {
        Differences::default()
    }

    /// Notes the field when its values are not equal.
    pub(super) fn compare(&mut self, field: &str, before: impl Into<String>, after: impl Into<String>) {
        let (before, after) = (before.into(), after.into());
        if before != after {
            self.note(field, Some(before), Some(after));
        }
    }

    /// Notes a field that differs.
    pub(super) fn note(&mut self, field: &str, before: Option<String>, after: Option<String>) {
        self.0.push(Change { field: field.to_string(), before, after, secret: false, step: None });
    }

    /// Notes a field that the host does not have yet.
    pub(super) fn add(&mut self, field: &str, after: impl Into<String>) {
        self.note(field, None, Some(after.into()));
    }

    /// Notes a field that differs and may not be shown, with the fingerprint of what is there.
    pub(super) fn hide(&mut self, field: &str, before: Option<String>) {
        self.0.push(Change { field: field.to_string(), before, after: None, secret: true, step: None });
    }

    /// `Correct` when nothing differs.
    pub(super) fn into_check(self, action: Action) -> Check {
        if self.0.is_empty() { Check::Correct } else { Check::Differs { action, changes: self.0 } }
    }
}

/// A value that a check needs, or the finding that it cannot be had yet.
pub(super) enum Known<T> {
    /// The value.
    Now(T),
    /// What must come first.
    After(Check),
}

impl<T> Known<T> {
    /// The value, where a fix cannot go on without it.
    pub(super) fn now(self) -> Result<T> {
        match self {
            Known::Now(value) => Ok(value),
            Known::After(Check::Unknown { why, .. }) => Err(Failure::operation(why)),
            Known::After(_) => Err(Failure::operation("the host changed meanwhile").hint("Apply again.")),
        }
    }
}

/// It can be told after the resource `needs`.
pub(super) fn after(needs: impl Into<String>, why: impl Into<String>) -> Check {
    Check::Unknown { needs: Some(needs.into()), why: why.into() }
}

/// `yes` or `no`.
pub(super) fn yes(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}
