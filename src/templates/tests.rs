use super::*;
use std::fs;

fn layer(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("templates")).expect("made");
    for (name, text) in files {
        fs::write(folder.path().join("templates").join(name), text).expect("written");
    }
    folder
}

fn built_in(files: &[(&str, &str)]) -> BTreeMap<String, String> {
    files.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect()
}

fn values(json: serde_json::Value) -> Context {
    Context::from_serialize(&json).expect("a map")
}

#[test]
fn a_file_of_the_inventory_wins_over_the_built_in_one_and_a_later_layer_over_an_earlier() {
    let built_in = built_in(&[
        ("page.tera", "{% include \"a.tera\" %} {% include \"b.tera\" %}"),
        ("a.tera", "built-in a"),
        ("b.tera", "built-in b"),
    ]);
    let first = layer(&[("a.tera", "first a"), ("b.tera", "first b")]);
    let second = layer(&[("a.tera", "second a")]);
    let layers = [first.path().to_path_buf(), second.path().to_path_buf()];
    let templates = Templates::with_built_in(built_in, &layers).expect("sound");
    assert_eq!(templates.render("page.tera", &Context::new()).as_deref(), Ok("second a first b"));
    assert_eq!(templates.names(), ["a.tera", "b.tera", "page.tera"]);
}

#[test]
fn a_loop_of_includes_names_its_chain() {
    let looped = built_in(&[("a.tera", "{% include \"b.tera\" %}"), ("b.tera", "{% include \"a.tera\" %}")]);
    let failure = Templates::with_built_in(looped, &[]).err().expect("refused");
    let chain = "a loop of includes: templates/a.tera includes templates/b.tera includes templates/a.tera";
    assert!(failure.message.starts_with(chain), "{}", failure.message);
    assert_eq!(failure.kind.exit_code(), 65);
}

#[test]
fn all_templates_that_cannot_be_parsed_are_told_at_once_with_their_place() {
    let broken = built_in(&[("a.tera", "x\n{{ tenant. }}"), ("b.tera", "{% if %}"), ("c.tera", "fine")]);
    let message = Templates::with_built_in(broken, &[]).err().expect("refused").message;
    assert!(message.contains("--> templates/a.tera:2:"), "{message}");
    assert!(message.contains("--> templates/b.tera:1:"), "{message}");
}

#[test]
fn an_unknown_filter_function_or_included_file_is_found_before_anything_is_rendered() {
    for (text, what) in [
        ("{{ a | ngnix }}", "`ngnix`"),
        ("{{ now() }}", "`now`"),
        ("{{ get_env(name=\"HOME\") }}", "`get_env`"),
        ("{% include \"missing.tera\" %}", "`missing.tera`"),
    ] {
        let message = Templates::with_built_in(built_in(&[("a.tera", text)]), &[]).err().expect(text).message;
        assert!(message.contains(what) && message.contains("--> templates/a.tera:1:"), "{message}");
    }
}

#[test]
fn an_undefined_name_is_told_with_place_near_name_and_all_names() {
    let templates =
        Templates::with_built_in(built_in(&[("a.tera", "server_name\n  {{ tenant.host_nam }};")]), &[]).expect("sound");
    let fault = templates
        .render("a.tera", &values(serde_json::json!({"tenant": {"host_name": "x", "id": "y"}})))
        .expect_err("undefined");
    assert_eq!(
        templates.show(&fault),
        "`host_nam` is not defined (did you mean `host_name`?); there are: host_name, id\n --> templates/a.tera:2:13\n  |\n\
         2 |   {{ tenant.host_nam }};\n  |             ^^^^^^^^"
    );
}

#[test]
fn a_refused_value_is_told_with_the_place_of_its_filter() {
    let templates = Templates::with_built_in(built_in(&[("a.tera", "\n x {{ name | nginx }}")]), &[]).expect("sound");
    let fault = templates.render("a.tera", &values(serde_json::json!({"name": "a\nb"}))).expect_err("refused");
    assert_eq!(fault.line, 2);
    assert!(
        fault.message.contains("filter `nginx`") && fault.message.contains("control character"),
        "{}",
        fault.message
    );
}

#[test]
fn nothing_is_escaped_by_itself_and_maps_keep_one_order() {
    let text = "{{ a }}{% for name, value in map %} {{ name }}={{ value }}{% endfor %}";
    let templates = Templates::with_built_in(built_in(&[("a.html", text)]), &[]).expect("sound");
    let map: serde_json::Map<String, serde_json::Value> =
        (0..40).map(|number| (format!("k{number:02}"), number.into())).collect();
    let rendered =
        templates.render("a.html", &values(serde_json::json!({"a": "<&\">", "map": map}))).expect("rendered");
    let expected: String = (0..40).map(|number| format!(" k{number:02}={number}")).collect();
    assert_eq!(rendered, format!("<&\">{expected}"));
}

#[test]
fn names_are_checked_in_included_files_too() {
    let files = built_in(&[("a.tera", "{% include \"b.tera\" %}"), ("b.tera", "\n{% if tenant.typo %}{% endif %}")]);
    let templates = Templates::with_built_in(files, &[]).expect("sound");
    let shape = lint::Shape::of(&serde_json::json!({"tenant": {"id": ""}}), &[]);
    let faults = templates.unknown_names("a.tera", &shape);
    assert_eq!(faults.len(), 1);
    assert_eq!((faults[0].template.as_str(), faults[0].line, faults[0].column), ("templates/b.tera", 2, 7));
}
