//! What a catalog makes Prometheus ask: its scrape configurations, and the files of targets that they read.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::catalog::Catalog;
use crate::failure::{Failure, Result};
use crate::inventory::node;
use crate::inventory::source::Sources;
use crate::resources::Resource;

/// The configuration of Prometheus.
const CONFIGURATION: &str = "/etc/prometheus/prometheus.yml";

/// Something that Prometheus must ask.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// What its series are told by: `job`, `instance`, `member`, `tenant`, `host`...
    pub labels: BTreeMap<String, String>,
    /// How it is asked: `__address__`, `__param_module`...
    pub how: BTreeMap<String, String>,
}

/// All that Prometheus must ask by the catalog of its host.
///
/// # Errors
/// When the catalog has no configuration of Prometheus, or one that says nothing that is understood here.
pub fn wanted(catalog: &Catalog) -> Result<Vec<Wanted>> {
    let files: BTreeMap<&str, &str> = catalog
        .entries
        .iter()
        .filter_map(|entry| match &entry.resource {
            Resource::File(file) => Some((file.path.as_str(), file.content.as_str())),
            _ => None,
        })
        .collect();
    let text = files.get(CONFIGURATION).ok_or_else(|| {
        Failure::inventory(format!("{}: the playbook of the monitoring writes no {CONFIGURATION}", catalog.host))
    })?;
    let configuration = yaml(CONFIGURATION, text)?;
    let mut all = Vec::new();
    for job in list(&configuration["scrape_configs"]) {
        let name = job["job_name"].as_str().unwrap_or_default();
        for group in list(&job["static_configs"]) {
            add(&mut all, name, group);
        }
        let patterns = list(&job["file_sd_configs"]).flat_map(|reads| list(&reads["files"]).filter_map(Value::as_str));
        for pattern in patterns {
            for (path, text) in files.iter().filter(|(path, _)| fits(pattern, path)) {
                let groups: Value = serde_json::from_str(text).map_err(|error| {
                    Failure::inventory(format!("{path} as it is rendered is no list of targets: {error}"))
                })?;
                list(&groups).for_each(|group| add(&mut all, name, group));
            }
        }
    }
    Ok(all)
}

impl Wanted {
    /// A label; nothing when it has none of that name.
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// What a target is about, in few words: `tenant c_e863-albo`, `zone comune.malnate.va.it at ns1...`, `node app1`.
pub fn about(labels: &BTreeMap<String, String>) -> String {
    let of = |name: &str| labels.get(name).map(String::as_str).filter(|word| !word.is_empty());
    let job = of("job").unwrap_or("?");
    let subject = of("tenant").or(of("zone")).or(of("host")).or(of("instance")).unwrap_or("?");
    match (of("zone"), of("instance")) {
        (Some(_), Some(server)) => format!("{job} {subject} at {server}"),
        _ => format!("{job} {subject}"),
    }
}

fn add(all: &mut Vec<Wanted>, job: &str, group: &Value) {
    let mut given = BTreeMap::from([("job".to_string(), job.to_string())]);
    for (name, value) in group["labels"].as_object().into_iter().flatten() {
        given.insert(name.clone(), value.as_str().unwrap_or_default().to_string());
    }
    for address in list(&group["targets"]).filter_map(Value::as_str) {
        let (mut how, mut labels): (BTreeMap<_, _>, BTreeMap<_, _>) =
            given.clone().into_iter().partition(|(name, _)| name.starts_with("__"));
        how.insert("__address__".to_string(), address.to_string());
        labels.entry("instance".to_string()).or_insert_with(|| address.to_string());
        all.push(Wanted { labels, how });
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// As Prometheus reads `files:`: a `*` in the last part stands for anything but a `/`.
fn fits(pattern: &str, path: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == path,
        Some((before, after)) => {
            let middle = path.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            middle.is_some_and(|middle| !middle.contains('/'))
        }
    }
}

fn yaml(path: &str, text: &str) -> Result<Value> {
    let mut sources = Sources::default();
    let file = sources.add(path, text);
    let tree = node::parse(&sources, file, &mut Vec::new());
    let tree = tree.ok_or_else(|| Failure::inventory(format!("{path} as it is rendered is no YAML")))?;
    Ok(tree.to_json())
}
