//! Mistakes in playbooks, templates and the catalogue: each with its place and what would be right.

use super::*;

fn refused(files: &[(&str, &str)]) -> String {
    let folder = layer(files);
    let mut inventory = inventory();
    inventory.layers = vec![folder.path().to_path_buf()];
    let failure = compile(&inventory, &Selection::default()).expect_err("refused");
    assert_eq!(failure.kind.exit_code(), 65);
    failure.message.replace(&format!("{}/", folder.path().display()), "")
}

fn play(steps: &str) -> String {
    format!("- name: A play\n  on: tenant.application_host\n  for_each: tenant\n  steps:\n{steps}")
}

#[test]
fn all_that_is_wrong_with_a_playbook_is_told_at_once() {
    let steps = "    - flie: { path: /etc/a }
    - file: { path: \"/etc/{{ tenant.idd }}\", content: x, mod: \"0644\" }
    - file: { path: /etc/b, template: tenant/ngin.conf.tera }
    - service: { unit: a.service, running: true }
    - user: [a]
    - group: { name: a }
      when: tenant.stoped
";
    assert_eq!(
        refused(&[("playbooks/tenant.yml", &play(steps))]),
        "\
unknown kind `flie`: did you mean `file`? There are: absent, certificate, directory, file, group, package, postgres_database, postgres_grant, postgres_role, release, service, symlink, user, zone, zone_catalog
 --> playbooks/tenant.yml:5:7
  |
5 |     - flie: { path: /etc/a }
  |       ^^^^

`idd` is not defined in `tenant` (did you mean `id`?); there are: account, application, application_host, backup, configuration, data, database, database_host, database_owner, home, host_name, id, login_roles, maintenance, port, release, release_path, release_sha256, runtime_directory, secrets, size, socket, stopped, unit
 --> playbooks/tenant.yml:6:30
  |
6 |     - file: { path: \"/etc/{{ tenant.idd }}\", content: x, mod: \"0644\" }
  |                              ^^^^^^^^^^

unknown field of `file` `mod`: did you mean `mode`? There are: confirm, content, group, mode, notify, owner, path, template, validate
 --> playbooks/tenant.yml:6:58
  |
6 |     - file: { path: \"/etc/{{ tenant.idd }}\", content: x, mod: \"0644\" }
  |                                                          ^^^

unknown template `tenant/ngin.conf.tera`: did you mean `tenant/nginx.conf.tera`? There are: tenant/environment.tera, tenant/logrotate.tera, tenant/nginx.conf.tera, tenant/pgpass.tera, tenant/unit.service.tera
 --> playbooks/tenant.yml:7:39
  |
7 |     - file: { path: /etc/b, template: tenant/ngin.conf.tera }
  |                                       ^^^^^^^^^^^^^^^^^^^^^

`service` needs the field `enabled`
 --> playbooks/tenant.yml:8:7
  |
8 |     - service: { unit: a.service, running: true }
  |       ^^^^^^^

`user` has fields, so it is a map, not a list
 --> playbooks/tenant.yml:9:13
  |
9 |     - user: [a]
  |             ^

`stoped` is not defined in `tenant` (did you mean `stopped`?); there are: account, application, application_host, backup, configuration, data, database, database_host, database_owner, home, host_name, id, login_roles, maintenance, port, release, release_path, release_sha256, runtime_directory, secrets, size, socket, stopped, unit
  --> playbooks/tenant.yml:11:13
   |
11 |       when: tenant.stoped
   |             ^^^^^^^^^^^^^"
    );
}

#[test]
fn a_play_says_what_it_is_with_words_that_exist() {
    for (playbook, expected) in [
        ("- name: A\n  on: aplication\n  steps: []\n", "unknown place `aplication`: did you mean `application`?"),
        ("- name: A\n  on: all\n  hosts: all\n  steps: []\n", "unknown key of a play `hosts`"),
        ("- name: A\n  on: all\n  for_each: tenants\n  steps: []\n", "did you mean `tenant`?"),
        ("- name: A\n  on: all\n  stage: first\n  steps: []\n", "unknown stage `first`"),
        ("- name: A\n  on: tenant.application_host\n  for_each: host\n  steps: []\n", "only be had `for_each: tenant`"),
        ("- name: A\n  on: all\n", "has no `steps`"),
        ("- on: all\n  steps: []\n", "has no `name`"),
        ("- name: A\n  on: all\n  steps:\n    - { group: { name: a }, user: {} }\n", "a step has one kind"),
        ("- name: A\n  on: all\n  steps:\n    - file: { path: /a }\n", "either `content` or `template`"),
        ("name: A\n", "a playbook is a list of plays, not a map"),
        ("- name: A\n  name: B\n", "the key `name` stands twice, first here in line 1"),
        ("- name: A\n\ton: all\n", "a tab in the indentation"),
    ] {
        let message = refused(&[("playbooks/host.yml", playbook)]);
        assert!(message.contains(expected), "{playbook}\n{message}");
        assert!(message.contains("--> playbooks/host.yml:"), "{message}");
    }
    assert!(refused(&[("playbooks/hosts.yml", "[]")]).contains("no area has a playbook of this name"));
}

#[test]
fn a_value_of_the_wrong_type_is_told_where_it_stands() {
    for (step, expected) in [
        ("    - file: { path: /etc/a, content: x, mode: 0o644 }\n", ":5:47"),
        ("    - file: { path: /etc/a, content: x, mode: \"{{ tenant.account }}\" }\n", "\"c_e707_albo\" is not a mode"),
        (
            "    - service: { unit: a, enabled: maybe, running: true }\n",
            "`enabled`: \"maybe\" is neither true nor false",
        ),
        ("    - file: { path: /etc/a, content: x, validate: nginxx }\n", "did you mean `nginx`?"),
        ("    - file: { path: /etc/a, content: x, notify: start a }\n", "is no notification"),
        ("    - package: { names: a }\n", "`names`: \"a\", where a list is meant"),
        ("    - package: { names: [a, { b: c }] }\n", ":5:29"),
    ] {
        let message = refused(&[("playbooks/tenant.yml", &play(step))]);
        assert!(message.contains(expected), "{step}\n{message}");
        assert!(message.contains("--> playbooks/tenant.yml:5:"), "{message}");
        assert!(message.contains("(for tenant c_e707-albo"), "{message}");
        let times = if step.contains("{{") { 3 } else { 1 };
        assert_eq!(message.matches("-->").count(), times, "the same is told once for all tenants: {message}");
    }
}

#[test]
fn a_template_of_the_inventory_is_shown_where_it_is_wrong() {
    let message = refused(&[("templates/tenant/pgpass.tera", "a\n{% if tenant.databas %}{% endif %}")]);
    assert!(message.starts_with("`databas` is not defined in `tenant` (did you mean `database`?)"), "{message}");
    assert!(message.contains("--> templates/tenant/pgpass.tera:2:7"), "{message}");

    let message = refused(&[("templates/tenant/pgpass.tera", "{{ tenant.secrets.databse_password_a }}")]);
    assert!(message.contains("did you mean `database_password_a`?"), "{message}");
    assert!(message.contains("--> templates/tenant/pgpass.tera:1:19"), "{message}");
}

#[test]
fn two_steps_for_one_thing_are_refused_with_both_places() {
    let steps = "    - group: { name: shared }\n";
    let message = refused(&[("playbooks/tenant.yml", &play(steps))]);
    assert!(message.contains("group:shared comes twice on host app1"), "{message}");
    assert!(message.contains("owner c_e707") && message.contains("owner c_e863"), "{message}");
    assert!(message.contains("playbooks/tenant.yml:5"), "{message}");
}

#[test]
fn nobody_reaches_into_what_is_anothers() {
    for path in [
        "/srv/comuni/c_e863/albo/data/from-{{ tenant.id }}",
        "/etc/comuni/tenants/c_e863-albo/{{ tenant.id }}",
        "/srv/comuni/c_e863/{{ tenant.id }}",
    ] {
        let step = format!("    - file: {{ path: \"{path}\", content: x }}\n");
        let message = refused(&[("playbooks/tenant.yml", &play(&step))]);
        assert!(message.contains("belongs to c_e863") && message.contains("owner c_e707"), "{message}");
    }
    let step = "    - service: { unit: comuni-c_e863-albo.service, enabled: false, running: false }
      when: tenant.id == c_e707-albo\n";
    assert!(refused(&[("playbooks/tenant.yml", &play(step))]).contains("belongs to c_e863"));
}

#[test]
fn a_secret_stands_only_where_its_owner_alone_reads_it() {
    for (step, expected) in [
        (
            "file: { path: \"/etc/{{ tenant.id }}\", content: \"{{ tenant.secrets.signing_key }}\" }",
            "mode 0644, which others can read",
        ),
        (
            "file: { path: \"/etc/{{ tenant.id }}\", content: \"secret://c_e863/albo/signing_key\", mode: \"0600\" }",
            "is not c_e707's to use",
        ),
        ("group: { name: \"secret://c_e707/albo/signing_key\" }", "the field `name` cannot hold a secret"),
    ] {
        let step = format!("    - {step}\n      when: tenant.id == c_e707-albo\n");
        let message = refused(&[("playbooks/tenant.yml", &play(&step))]);
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn the_catalogues_own_templates_are_strict_too() {
    let refused = |change: fn(&mut crate::inventory::types::Runtime)| {
        let mut inventory = inventory();
        change(&mut inventory.applications.get_mut("albo").expect("albo").runtime);
        compile(&inventory, &Selection::default()).expect_err("refused").message
    };
    let message = refused(|runtime| runtime.start.push("{{ tenant.sockt }}".to_string()));
    assert!(message.contains("did you mean `socket`?"), "{message}");
    assert!(message.contains("--> applications/albo.yml (runtime.start[10]):1:4"), "{message}");

    let message = refused(|runtime| runtime.start.push("{{ tenant.secrets.signing_key }}".to_string()));
    assert!(
        message.contains("runtime.start has the secret secret://c_e707/albo/signing_key, where every account of"),
        "{message}"
    );

    let message = refused(|runtime| {
        runtime.files.insert("a.ini".to_string(), "[web]\nlisten = {{ tenant.prt }}\n".to_string());
    });
    assert!(message.contains("--> applications/albo.yml (runtime.files.a.ini):2:13"), "{message}");

    let message = refused(|runtime| runtime.prepare[0] = "+/bin/sh".to_string());
    assert!(message.contains("no absolute path"), "{message}");

    let message = refused(|runtime| {
        runtime.environment.insert("A=B".to_string(), String::new());
    });
    assert!(message.contains("no name of an environment variable"), "{message}");
}
