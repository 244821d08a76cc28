//! Everything that is wrong with playbooks, gathered and told at once.

use std::collections::BTreeMap;

use crate::failure::{Failure, Result};
use crate::playbook::read::Place;
use crate::templates::excerpt::excerpt;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file as a person would open it.
    pub file: String,
    /// The place in the file; `None` when it is about the file as a whole.
    pub place: Option<Place>,
    /// What is wrong, and what would be right.
    pub message: String,
    /// Where else to look, already laid out.
    pub trace: Option<String>,
}

/// Problems, with the texts that they are shown in.
#[derive(Debug, Clone, Default)]
pub struct Problems {
    texts: BTreeMap<String, String>,
    /// With the elements (tenants, hosts) that have it.
    found: BTreeMap<Problem, Vec<String>>,
}

impl Problems {
    /// Remembers the text of a file.
    pub fn know(&mut self, file: &str, text: &str) {
        self.texts.insert(file.to_string(), text.to_string());
    }

    /// Adds a problem of a whole playbook.
    pub fn add(&mut self, file: &str, place: Option<Place>, message: impl Into<String>) {
        let problem = Problem { file: file.to_string(), place, message: message.into(), trace: None };
        self.found.entry(problem).or_default();
    }

    /// Adds a problem that shows with one element.
    pub fn add_for(&mut self, problem: Problem, element: &str) {
        self.found.entry(problem).or_default().push(element.to_string());
    }

    /// Adds those of others, after its own.
    pub fn extend(&mut self, others: Problems) {
        self.texts.extend(others.texts);
        for (problem, elements) in others.found {
            self.found.entry(problem).or_default().extend(elements);
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Passes when there is none.
    ///
    /// # Errors
    /// All of them in one failure (exit 65), by file and place.
    pub fn none(&self) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        let shown: Vec<String> = self.found.iter().map(|(problem, elements)| self.show(problem, elements)).collect();
        Err(Failure::inventory(shown.join("\n\n")))
    }

    fn show(&self, problem: &Problem, elements: &[String]) -> String {
        let mut message = problem.message.clone();
        match elements {
            [] => {}
            [one] => message.push_str(&format!(" (for {one})")),
            [first, others @ ..] => message.push_str(&format!(" (for {first} and {} more)", others.len())),
        }
        let mut shown = match problem.place {
            None => format!("{message}\n--> {}", problem.file),
            Some(place) => {
                let line = self.texts.get(&problem.file).and_then(|text| text.lines().nth(place.line - 1));
                excerpt(&problem.file, line.unwrap_or_default(), place.line, place.column, place.length, &message)
            }
        };
        if let Some(trace) = &problem.trace {
            shown.push_str("\n\n");
            shown.push_str(trace);
        }
        shown
    }
}
