//! What can be told about a playbook before any value is known.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Area, Stage};
use crate::inventory::diagnostics::nearest;
use crate::inventory::types::Role;
use crate::playbook::condition::Condition;
use crate::playbook::fields;
use crate::playbook::problem::{Problem, Problems};
use crate::playbook::read::{Node, Place, Text, Value};
use crate::playbook::{Each, On, Play, Playbook, Step, render};
use crate::templates::lint::{self, Shape};
use crate::templates::{Templates, message_of};

const PLAY_KEYS: [&str; 6] = ["name", "on", "for_each", "stage", "when", "steps"];

const ROLES: [(&str, Role); 7] = [
    ("application", Role::Application),
    ("database", Role::Database),
    ("dns", Role::Dns),
    ("backup", Role::Backup),
    ("monitoring", Role::Monitoring),
    ("control", Role::Control),
    ("verification", Role::Verification),
];

const STAGES: [(&str, Stage); 6] = [
    ("host", Stage::Host),
    ("database", Stage::Database),
    ("application", Stage::Application),
    ("backup", Stage::Backup),
    ("dns", Stage::Dns),
    ("monitoring", Stage::Monitoring),
];

/// Hosts that follow from an element, with what the play must be repeated for.
const PLACES: [(&str, On, Each); 4] = [
    ("tenant.application_host", On::ApplicationHost, Each::Tenant),
    ("tenant.database_host", On::DatabaseHost, Each::Tenant),
    ("member.application_host", On::ApplicationHost, Each::Member),
    ("member.database_host", On::DatabaseHost, Each::Member),
];

/// Reads a whole playbook; what is wrong goes to `problems`, and what is right is kept.
pub fn playbook(area: Area, file: &str, origin: String, node: &Node, problems: &mut Problems) -> Playbook {
    let mut reader = Reader { file, area, problems, kinds: fields::kinds() };
    let plays = match &node.value {
        Value::List(plays) => plays.iter().filter_map(|play| reader.play(play)).collect(),
        _ => {
            reader.problem(node.place, format!("a playbook is a list of plays, not {}", node.kind()));
            Vec::new()
        }
    };
    Playbook { area, file: file.to_string(), origin, plays }
}

struct Reader<'a> {
    file: &'a str,
    area: Area,
    problems: &'a mut Problems,
    kinds: BTreeMap<String, fields::Fields>,
}

impl Reader<'_> {
    fn problem(&mut self, place: Place, message: impl Into<String>) {
        self.problems.add(self.file, Some(place), message);
    }

    fn play(&mut self, node: &Node) -> Option<Play> {
        let Value::Map(entries) = &node.value else {
            self.problem(node.place, format!("a play is a map with `name`, `on` and `steps`, not {}", node.kind()));
            return None;
        };
        for (key, _) in entries.iter().filter(|(key, _)| !PLAY_KEYS.contains(&key.value.as_str())) {
            self.problem(key.place, unknown("key of a play", &key.value, PLAY_KEYS));
        }
        let get = |name: &str| entries.iter().find(|(key, _)| key.value == name).map(|(_, value)| value);
        let start = entries.first().map_or(node.place, |(key, _)| key.place);
        let name = self.text(start, "name", get("name"));
        let on = self.text(start, "on", get("on"));
        let (on, implied) = on.and_then(|(on, place)| self.on(on, place))?;
        let each = match get("for_each") {
            None => Some(implied.unwrap_or(Each::Host)),
            Some(node) => self.choice(node, "element of the inventory", Each::ALL.map(|each| (each.name(), each))),
        };
        if let (Some(implied), Some(each), Some(node)) = (implied, each, get("for_each"))
            && implied != each
            && (implied, each) != (Each::Tenant, Each::File)
        {
            let (name, each) = (implied.name(), each.name());
            self.problem(node.place, format!("hosts of a {name} can only be had `for_each: {name}`, not `{each}`"));
        }
        let stage = match get("stage") {
            None => Some(stage_of(self.area)),
            Some(node) => self.choice(node, "stage", STAGES),
        };
        let when = get("when").and_then(|node| self.condition(node));
        let steps = match get("steps").map(|node| (&node.value, node)) {
            Some((Value::List(steps), _)) => steps.iter().filter_map(|step| self.step(step)).collect(),
            Some((_, node)) => {
                self.problem(node.place, format!("`steps` is a list, not {}", node.kind()));
                Vec::new()
            }
            None => {
                self.problem(start, "this play has no `steps`");
                Vec::new()
            }
        };
        Some(Play { name: name?.0.to_string(), on, each: each?, stage: stage?, when, steps })
    }

    fn text<'n>(&mut self, play: Place, key: &str, node: Option<&'n Node>) -> Option<(&'n str, Place)> {
        match node.map(|node| (&node.value, node)) {
            Some((Value::Text(text), node)) => Some((text, node.place)),
            Some((_, node)) => {
                self.problem(node.place, format!("`{key}` is text, not {}", node.kind()));
                None
            }
            None => {
                self.problem(play, format!("this play has no `{key}`"));
                None
            }
        }
    }

    fn on(&mut self, on: &str, place: Place) -> Option<(On, Option<Each>)> {
        if on == "all" {
            return Some((On::All, None));
        }
        if let Some((_, role)) = ROLES.iter().find(|(name, _)| *name == on) {
            return Some((On::Role(*role), None));
        }
        if let Some((_, on, each)) = PLACES.iter().find(|(name, ..)| *name == on) {
            return Some((*on, Some(*each)));
        }
        let known = ["all"].into_iter().chain(ROLES.map(|(name, _)| name)).chain(PLACES.map(|(name, ..)| name));
        self.problem(place, unknown("place", on, known));
        None
    }

    fn choice<T: Copy, const N: usize>(&mut self, node: &Node, what: &str, known: [(&'static str, T); N]) -> Option<T> {
        let Value::Text(text) = &node.value else {
            self.problem(node.place, format!("this names an {what}, it cannot be {}", node.kind()));
            return None;
        };
        let found = known.iter().find(|(name, _)| name == text).map(|(_, value)| *value);
        if found.is_none() {
            self.problem(node.place, unknown(what, text, known.map(|(name, _)| name)));
        }
        found
    }

    fn condition(&mut self, node: &Node) -> Option<Condition> {
        let Value::Text(text) = &node.value else {
            self.problem(
                node.place,
                format!("`when` is text such as `tenant.application.database`, not {}", node.kind()),
            );
            return None;
        };
        Condition::parse(text)
            .map_err(|why| self.problem(node.place, why))
            .ok()
            .map(|condition| condition.placed(node.place))
    }

    fn step(&mut self, node: &Node) -> Option<Step> {
        let Value::Map(entries) = &node.value else {
            self.problem(node.place, format!("a step is a map with the kind as its key, not {}", node.kind()));
            return None;
        };
        let when = entries.iter().find(|(key, _)| key.value == "when").and_then(|(_, node)| self.condition(node));
        let mut kinds = entries.iter().filter(|(key, _)| key.value != "when");
        let Some((kind, fields)) = kinds.next() else {
            self.problem(
                node.place,
                "this step has no kind: write one, such as `file: { path: /etc/motd, content: \"\" }`",
            );
            return None;
        };
        for (more, _) in kinds {
            let message = if self.kinds.contains_key(&more.value) {
                format!("a step has one kind; this one has `{}` already: make a step of its own", kind.value)
            } else {
                format!("`{}` does not belong to a step: beside the kind there is only `when`", more.value)
            };
            self.problem(more.place, message);
        }
        let Some(known) = self.kinds.get(&kind.value).cloned() else {
            let message = unknown("kind", &kind.value, self.kinds.keys().map(String::as_str).collect::<Vec<_>>());
            self.problem(kind.place, message);
            return None;
        };
        self.fields(kind, fields, &known)?;
        Some(Step { kind: kind.value.clone(), fields: fields.clone(), place: kind.place, when })
    }

    fn fields(&mut self, kind: &Text, node: &Node, known: &fields::Fields) -> Option<()> {
        let Value::Map(entries) = &node.value else {
            let message = format!("`{}` has fields, so it is a map, not {}", kind.value, node.kind());
            self.problem(node.place, message);
            return None;
        };
        for (key, _) in entries.iter().filter(|(key, _)| !known.known.contains(&key.value)) {
            let message =
                unknown(&format!("field of `{}`", kind.value), &key.value, known.known.iter().map(String::as_str));
            self.problem(key.place, message);
        }
        let given: BTreeSet<&str> = entries.iter().map(|(key, _)| key.value.as_str()).collect();
        for missing in known.required.iter().filter(|name| !given.contains(name.as_str())) {
            self.problem(kind.place, format!("`{}` needs the field `{missing}`", kind.value));
        }
        if kind.value == "file" && given.contains("content") == given.contains("template") {
            self.problem(kind.place, "a file has either `content` or `template`");
        }
        Some(())
    }
}

fn unknown<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let near = nearest(name, known.iter().copied()).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    format!("unknown {what} `{name}`: {near}There are: {}", known.join(", "))
}

fn stage_of(area: Area) -> Stage {
    match area {
        Area::Host => Stage::Host,
        Area::Tenant => Stage::Application,
        Area::Backup => Stage::Backup,
        Area::Dns => Stage::Dns,
        Area::Monitoring => Stage::Monitoring,
    }
}

/// Looks every name in conditions, scalars and templates up in what will be offered.
pub fn names(playbook: &Playbook, templates: &Templates, shapes: &BTreeMap<Each, Shape>, problems: &mut Problems) {
    for play in &playbook.plays {
        let Some(shape) = shapes.get(&play.each) else { continue };
        for condition in play.when.iter().chain(play.steps.iter().filter_map(|step| step.when.as_ref())) {
            if let Err(unknown) = condition.check(shape) {
                problems.add(&playbook.file, condition.place(), message_of(&unknown));
            }
        }
        for step in &play.steps {
            render::texts(&step.fields, &mut |text, place| {
                for finding in lint::unknown_names(text, shape) {
                    let place = place_within(place, text, finding.line, finding.column, finding.length);
                    problems.add(&playbook.file, Some(place), message_of(&finding.unknown));
                }
            });
            template(playbook, step, templates, shape, problems);
        }
    }
}

fn template(playbook: &Playbook, step: &Step, templates: &Templates, shape: &Shape, problems: &mut Problems) {
    let Value::Map(entries) = &step.fields.value else { return };
    let Some((_, node)) = entries.iter().find(|(key, _)| step.kind == "file" && key.value == "template") else {
        return;
    };
    let Value::Text(name) = &node.value else {
        return problems.add(
            &playbook.file,
            Some(node.place),
            format!("`template` is the name of one, not {}", node.kind()),
        );
    };
    if templates.resolve(name).is_none() {
        return problems.add(&playbook.file, Some(node.place), unknown_template(name, &templates.names()));
    }
    for fault in templates.unknown_names(name, shape) {
        problems.know(&fault.template, templates.text(&fault.template));
        let place = Place { line: fault.line, column: fault.column, length: fault.length };
        problems.add(&fault.template, Some(place), fault.message);
    }
}

/// The place in the file of something within a scalar.
///
/// Exact for a scalar of one line; in a folded or literal block the line is right and the column that of its text.
pub fn place_within(scalar: Place, text: &str, line: usize, column: usize, length: usize) -> Place {
    let quote = usize::from(scalar.length > text.chars().count());
    let one_line = !text.trim_end_matches('\n').contains('\n');
    match (line, one_line) {
        (1, true) => Place { line: scalar.line, column: scalar.column + quote + column - 1, length },
        _ => Place { line: scalar.line + line, column: 1, length: usize::MAX },
    }
}

/// A problem with a scalar or with the template it names.
pub fn problem_of(
    playbook: &Playbook,
    scalar: Place,
    text: &str,
    fault: crate::templates::Fault,
    own: bool,
) -> Problem {
    let file = if own { playbook.file.clone() } else { fault.template };
    let place = match (own, fault.line) {
        (true, 0) => Some(scalar),
        (true, line) => Some(place_within(scalar, text, line, fault.column, fault.length)),
        (false, 0) => None,
        (false, line) => Some(Place { line, column: fault.column, length: fault.length }),
    };
    Problem { file, place, message: fault.message, trace: fault.trace }
}

/// There are too many templates to name all: those of its folder, or the folders when it is in none of them.
fn unknown_template(name: &str, known: &[&str]) -> String {
    let folder = |name: &str| name.split_once('/').map(|(folder, _)| format!("{folder}/"));
    let (near, own) = (nearest(name, known.iter().copied()), folder(name));
    let beside: Vec<&str> = known.iter().copied().filter(|other| own.is_some() && folder(other) == own).collect();
    let folders: BTreeSet<String> = known.iter().filter_map(|other| folder(other)).collect();
    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    let listed = if beside.is_empty() { Vec::from_iter(folders).join(", ") } else { beside.join(", ") };
    format!("unknown template `{name}`: {near}There are: {listed}")
}
