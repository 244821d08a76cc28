//! The metrics that rules name: a name that nobody measures makes its alerts silent.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::rules::groups;
use super::{Finding, Trouble, word};

/// Words of the language that are no names (Prometheus, promql/parser/lex.go).
const WORDS: [&str; 19] = [
    "and",
    "or",
    "unless",
    "atan2",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "bool",
    "offset",
    "start",
    "end",
    "inf",
    "nan",
    "sum",
    "count",
    "avg",
];

/// Words after which names of labels stand in brackets.
const BEFORE_LABELS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// Tells which names have no series at all. Gives how many names the rules have.
pub(super) fn judge(rules: &Value, names: &Value, found: &mut Vec<Finding>) -> usize {
    let measured: BTreeSet<&str> =
        names["result"].as_array().into_iter().flatten().map(|series| word(&series["metric"], "__name__")).collect();
    let mut named: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for rule in groups(rules).flat_map(|group| group["rules"].as_array().into_iter().flatten()) {
        for name in metrics(word(rule, "query")) {
            named.entry(name).or_default().insert(word(rule, "name"));
        }
    }
    for (name, rules) in named.iter().filter(|(name, _)| !measured.contains(name.as_str())) {
        let rules: Vec<&str> = rules.iter().copied().collect();
        let what = format!("nobody measures {name}: what goes by it is blind ({})", rules.join(", "));
        found.push(Finding::new(Trouble::MetricMissing, name, what));
    }
    named.len()
}

/// The names of metrics in an expression, as Prometheus writes expressions.
fn metrics(expression: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut rest = expression;
    let mut labels_follow = false;
    while let Some(first) = rest.chars().next() {
        match first {
            '"' | '\'' | '`' => rest = &rest[quoted(rest)..],
            // A name in the place of a metric: {__name__="x"} stands nowhere in our rules, and others' matchers are values.
            '{' => rest = &rest[closed(rest, '}')..],
            '[' => rest = &rest[closed(rest, ']')..],
            '(' if labels_follow => {
                labels_follow = false;
                rest = &rest[closed(rest, ')')..];
            }
            letter if letter.is_ascii_alphabetic() || letter == '_' || letter == ':' => {
                let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == ':';
                let end = rest.find(|letter| !is_name(letter)).unwrap_or(rest.len());
                let (name, behind) = rest.split_at(end);
                let lower = name.to_ascii_lowercase();
                labels_follow = BEFORE_LABELS.contains(&lower.as_str());
                let called = behind.trim_start().starts_with('(');
                if !called && !WORDS.contains(&lower.as_str()) && !is_aggregated(behind) {
                    names.insert(name.to_string());
                }
                rest = behind;
            }
            // Numbers and durations, with their letters: 1e3, 5m, 0x1f.
            digit if digit.is_ascii_digit() => {
                let end =
                    rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '.').unwrap_or(rest.len());
                rest = &rest[end..];
            }
            other => rest = &rest[other.len_utf8()..],
        }
    }
    names
}

/// `sum by (x) (...)`: an aggregation with its labels first.
fn is_aggregated(behind: &str) -> bool {
    let next: String = behind.trim_start().chars().take_while(char::is_ascii_alphabetic).collect();
    matches!(next.as_str(), "by" | "without")
}

/// The length of a quoted text at the beginning.
fn quoted(text: &str) -> usize {
    let mut letters = text.char_indices();
    let Some((_, quote)) = letters.next() else { return 0 };
    let mut escaped = false;
    for (at, letter) in letters {
        match letter {
            '\\' if !escaped && quote != '`' => escaped = true,
            letter if letter == quote && !escaped => return at + letter.len_utf8(),
            _ => escaped = false,
        }
    }
    text.len()
}

/// The length up to the bracket that closes the first one, texts inside left out.
fn closed(text: &str, bracket: char) -> usize {
    let mut at = 1;
    while let Some(letter) = text[at..].chars().next() {
        match letter {
            '"' | '\'' | '`' => at += quoted(&text[at..]),
            letter if letter == bracket => return at + letter.len_utf8(),
            letter => at += letter.len_utf8(),
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::metrics;

    fn of(expression: &str) -> Vec<String> {
        metrics(expression).into_iter().collect()
    }

    #[test]
    fn metrics_are_told_from_functions_labels_words_and_texts() {
        assert_eq!(of("vector(1)"), [""; 0]);
        assert_eq!(
            of("time() - max by (host) (comune_dns_check_timestamp_seconds) > 3 * 3600"),
            ["comune_dns_check_timestamp_seconds"]
        );
        assert_eq!(
            of(
                "tenant:probe_error:ratio300s > 14.4 * 5 / 1000 and tenant:probe_error:ratio3600s > 0x1f or up{job=\"node\",host!=\"}\"} == 1e3"
            ),
            ["tenant:probe_error:ratio300s", "tenant:probe_error:ratio3600s", "up"]
        );
        assert_eq!(
            of(
                "sum by (datname, host) (pg_stat_database_numbackends) > on (datname, host) group_right () 0.8 * comuni_connection_limit"
            ),
            ["comuni_connection_limit", "pg_stat_database_numbackends"]
        );
        assert_eq!(
            of(
                "max by (tenant) (label_replace(node_systemd_unit_state{state=\"active\"}, \"tenant\", \"$1\", \"name\", \"comuni-(.+)[.]service\"))"
            ),
            ["node_systemd_unit_state"]
        );
        assert_eq!(
            of("increase(prometheus_rule_evaluation_failures_total[15m:1m] offset 5m) > 0"),
            ["prometheus_rule_evaluation_failures_total"]
        );
        assert_eq!(of("count(probe_success unless on(tenant) a \"é\")"), ["a", "probe_success"]);
    }
}
