//! From a step and values to a resource.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use tera::Context;

use crate::failure::{Failure, Result};
use crate::inventory::diagnostics::nearest;
use crate::playbook::check::problem_of;
use crate::playbook::problem::{Problem, Problems};
use crate::playbook::read::{Node, Place, Value};
use crate::playbook::{Playbook, Step};
use crate::resources::Resource;
use crate::templates::{Fault, Templates};

/// What templates and conditions may name, for one element on one host.
#[derive(Clone, Default)]
pub struct Values {
    names: BTreeMap<&'static str, Named>,
    context: Context,
}

/// One of the names at the beginning of a path, with all below it; cheap to clone.
#[derive(Clone)]
pub struct Named {
    json: std::sync::Arc<Json>,
    tera: tera::Value,
}

/// Prepares a value for many [`Values`].
///
/// # Errors
/// Never for the types of this program; otherwise with the words of the serializer.
pub fn named<T: serde::Serialize>(value: &T) -> Result<Named> {
    let json = serde_json::to_value(value).map_err(|error| Failure::inventory(error.to_string()))?;
    let tera = tera::Value::try_from_serializable(&json).map_err(|error| Failure::inventory(error.to_string()))?;
    Ok(Named { json: json.into(), tera })
}

impl Values {
    /// Offers a value under a name.
    pub fn with(mut self, name: &'static str, named: &Named) -> Values {
        self.context.insert_value(name, named.tera.clone());
        self.names.insert(name, named.clone());
        self
    }

    /// The value at a dotted path.
    pub fn get(&self, path: &str) -> Option<&Json> {
        let (root, rest) = path.split_once('.').unwrap_or((path, ""));
        let root = self.names.get(root)?.json.as_ref();
        rest.split('.').filter(|part| !part.is_empty()).try_fold(root, |value, part| value.get(part))
    }

    /// What the template engine would make of a text without a tag, and of one that is nothing but the name of a text.
    /// Most texts are of this kind, and the engine takes ten times as long. `None` for any other.
    pub fn plain(&self, text: &str) -> Option<String> {
        if !has_tag(text) {
            return Some(text.to_string());
        }
        // What stands around a tag is part of the text.
        let value = self.get(bare_name(text).filter(|_| text.trim() == text)?)?.as_str()?;
        (!value.contains(char::is_control)).then(|| value.to_string())
    }

    /// For rendering.
    pub fn context(&self) -> &Context {
        &self.context
    }
}

/// Calls `each` with every text below a node that has a tag of a template in it, and its place.
pub fn texts(node: &Node, each: &mut dyn FnMut(&str, Place)) {
    match &node.value {
        Value::Text(text) if has_tag(text) => each(text, node.place),
        Value::List(nodes) => nodes.iter().for_each(|node| texts(node, each)),
        Value::Map(entries) => entries.iter().for_each(|(_, node)| texts(node, each)),
        _ => {}
    }
}

fn has_tag(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|open| text.contains(open))
}

/// The name under which a scalar is known to Tera.
fn name_of(playbook: &Playbook, place: Place) -> String {
    format!("{}:{}:{}", playbook.file, place.line, place.column)
}

/// Gives all scalars of all playbooks to Tera at once: parsed once, rendered often.
pub fn register(playbooks: &[Playbook], templates: &mut Templates, problems: &mut Problems) {
    let mut scalars = BTreeMap::new();
    let mut places = BTreeMap::new();
    for playbook in playbooks {
        for step in playbook.plays.iter().flat_map(|play| &play.steps) {
            texts(&step.fields, &mut |text, place| {
                let name = name_of(playbook, place);
                scalars.insert(name.clone(), text.to_string());
                places.insert(name, (playbook, place, text.to_string()));
            });
        }
    }
    for fault in templates.add(scalars).err().into_iter().flatten() {
        match places.get(&fault.template) {
            Some((playbook, place, text)) => {
                let problem = problem_of(playbook, *place, text, fault, true);
                problems.add(&problem.file, problem.place, problem.message);
            }
            None => problems.add("playbooks", None, fault.message),
        }
    }
}

impl Step {
    /// Renders the scalars and has the kind's type read them.
    ///
    /// # Errors
    /// All that is wrong with its values.
    pub fn resource(
        &self,
        playbook: &Playbook,
        templates: &Templates,
        values: &Values,
    ) -> std::result::Result<Resource, Vec<Problem>> {
        let mut renderer = Renderer { playbook, templates, values, problems: Vec::new() };
        let mut fields = renderer.render(&self.fields, "");
        if let Json::Object(fields) = &mut fields
            && self.kind == "file"
            && let Some(name) = fields.remove("template")
        {
            let content = renderer.template(self, name.as_str().unwrap_or_default());
            fields.insert("content".to_string(), Json::String(content));
        }
        if !renderer.problems.is_empty() {
            return Err(renderer.problems);
        }
        let resource = Json::Object([(self.kind.clone(), fields)].into_iter().collect());
        serde_path_to_error::deserialize(resource).map_err(|error| {
            let path: Vec<String> = error.path().iter().skip(1).map(name_of_segment).collect();
            let whole = error.path().to_string();
            let field = whole.split_once('.').map_or(self.kind.as_str(), |(_, field)| field);
            let message = format!("`{field}`: {}", in_words(&error.inner().to_string()));
            let place = if path.is_empty() { self.place } else { self.fields.at(&path).place };
            vec![Problem { file: playbook.file.clone(), place: Some(place), message, trace: None }]
        })
    }
}

struct Renderer<'a> {
    playbook: &'a Playbook,
    templates: &'a Templates,
    values: &'a Values,
    problems: Vec<Problem>,
}

impl Renderer<'_> {
    fn render(&mut self, node: &Node, field: &str) -> Json {
        match &node.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Number(value) => Json::Number(value.clone()),
            Value::List(nodes) => Json::Array(nodes.iter().map(|node| self.render(node, field)).collect()),
            Value::Map(entries) => {
                let fields = entries.iter().map(|(key, node)| (key.value.clone(), self.render(node, &key.value)));
                Json::Object(fields.collect())
            }
            Value::Text(text) if has_tag(text) => self.scalar(node, text, field),
            Value::Text(text) => Json::String(text.clone()),
        }
    }

    /// A scalar that is the bare name of a list becomes that list; any other becomes text.
    fn scalar(&mut self, node: &Node, text: &str, field: &str) -> Json {
        if let Some(list) = bare_name(text).and_then(|path| self.values.get(path)).filter(|value| value.is_array()) {
            return list.clone();
        }
        if let Some(plain) = self.values.plain(text) {
            return Json::String(plain);
        }
        match self.templates.render(&name_of(self.playbook, node.place), self.values.context()) {
            Ok(rendered) => {
                let control = rendered.chars().find(|character| character.is_control());
                if let (Some(character), true) = (control, field != "content") {
                    let message =
                        format!("the value {rendered:?} has the control character {}", character.escape_unicode());
                    self.fault(node, text, Fault { message, ..Fault::default() });
                }
                Json::String(rendered)
            }
            Err(fault) => {
                self.fault(node, text, fault);
                Json::Null
            }
        }
    }

    fn template(&mut self, step: &Step, name: &str) -> String {
        match self.templates.render(name, self.values.context()) {
            Ok(rendered) => rendered,
            Err(fault) => {
                let node = step.fields.at(&["template".to_string()]);
                let own = fault.line == 0;
                self.problems.push(problem_of(self.playbook, node.place, name, fault, own));
                String::new()
            }
        }
    }

    fn fault(&mut self, node: &Node, text: &str, fault: Fault) {
        let own = fault.template.is_empty() || fault.template == name_of(self.playbook, node.place);
        self.problems.push(problem_of(self.playbook, node.place, text, fault, own));
    }
}

fn name_of_segment(segment: &serde_path_to_error::Segment) -> String {
    match segment {
        serde_path_to_error::Segment::Seq { index } => index.to_string(),
        other => other.to_string(),
    }
}

/// The path in `{{ path }}` when there is nothing else.
fn bare_name(text: &str) -> Option<&str> {
    let path = text.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '.');
    (!path.is_empty() && path.chars().all(plain)).then_some(path)
}

/// serde speaks of its own types, and says which words there are but not which one was meant.
fn in_words(message: &str) -> String {
    if let Some((found, expected)) =
        message.strip_prefix("invalid type: ").and_then(|rest| rest.split_once(", expected "))
    {
        let found = match found.split_once(' ') {
            _ if found == "sequence" => "a list",
            _ if found == "map" => "a map",
            _ if found == "null" || found == "unit value" => "nothing",
            Some((_, value)) => value,
            None => found,
        };
        let expected = match expected {
            "a string" => "text",
            "a sequence" => "a list",
            "u16" | "u32" | "u64" | "i64" | "usize" => "a whole number",
            other if other.starts_with("struct ") => "a map",
            other => other,
        };
        return format!("{found}, where {expected} is meant");
    }
    let mut words = message.split('`').skip(1).step_by(2);
    let near = words.next().and_then(|wrong| nearest(wrong, words));
    match near.filter(|_| message.starts_with("unknown")) {
        Some(near) => format!("{message} (did you mean `{near}`?)"),
        None => message.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_plain_is_what_the_engine_would_make_of_it() {
        let templates = Templates::load(&[]).unwrap();
        let names = serde_json::json!({
            "a": "x", "empty": "", "signs": "'<b>' & \"$HOME\"", "accents": "Viggiù", "tags": "{{ tenant.a }}",
            "lines": "x\ny", "number": 7, "yes": true, "list": ["x"],
        });
        let values = Values::default().with("tenant", &named(&names).unwrap());
        let mut plain = Vec::new();
        for text in [
            "",
            "no tag",
            "é } {",
            "{{ tenant.a }}",
            "{{tenant.empty}}",
            "{{ tenant.signs }}",
            "{{ tenant.accents }}",
            "{{ tenant.tags }}",
            " {{ tenant.a }}",
            "{{ tenant.a }}\n",
            "{{- tenant.a -}}",
            "{{ tenant.lines }}",
            "{{ tenant.number }}",
            "{{ tenant.yes }}",
            "{{ tenant.a }}{{ tenant.a }}",
            "{{ tenant.a | upper }}",
        ] {
            let Some(said) = values.plain(text) else { continue };
            assert_eq!(Ok(said), templates.render_text(text, values.context()), "{text:?}");
            plain.push(text);
        }
        assert_eq!(plain.len(), 8, "{plain:?}");
        assert_eq!(values.plain("{{ tenant.nothing }}"), None, "the engine says what is not there");
    }
}
