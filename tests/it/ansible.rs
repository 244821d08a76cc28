//! `inventory --ansible`, and what the real Ansible makes of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn varese() -> String {
    format!("{}/inventories/varese", env!("CARGO_MANIFEST_DIR"))
}

fn said(words: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_comuni")).args(["-i", &varese()]).args(words).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The script that `docs/ansible.md` tells a technician to write.
fn script(folder: &Path, inventory: &str) -> String {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ansible.md")).unwrap();
    let text = page.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let text = text
        .replace("/etc/comuni/varese", inventory)
        .replace("comuni -i", &format!("{} -i", env!("CARGO_BIN_EXE_comuni")));
    let path = folder.join("comuni-hosts");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_string_lossy().into_owned()
}

#[test]
fn hosts_stand_in_the_groups_of_their_roles_and_of_the_members_they_carry() {
    let list = said(&["inventory", "--ansible", "--list"]);
    assert_eq!(list, said(&["inventory", "--ansible"]), "--list is what is meant when nothing is said");
    assert_eq!(list["role_database"]["hosts"], serde_json::json!(["db1"]));
    assert_eq!(list["member_cugliate_fabiasco"]["hosts"], serde_json::json!(["app2", "db1"]));
    for group in list["all"]["children"].as_array().unwrap() {
        let name = group.as_str().unwrap();
        assert!(list[name]["hosts"].is_array(), "{name}");
        assert!(
            name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_'),
            "{name}"
        );
    }
    let app1 = &list["_meta"]["hostvars"]["app1"];
    assert_eq!((&app1["ansible_user"], &app1["ansible_become"]), (&"ops".into(), &true.into()));
    assert_eq!(*app1, said(&["inventory", "--ansible", "--host", "app1"]));
}

/// A copy of the inventory in which `db1` is reached through `app2`, and that through `app1`.
fn with_a_way(folder: &Path) -> String {
    let copied = Command::new("cp").args(["-a", &varese()]).arg(folder).status().unwrap();
    assert!(copied.success());
    let hosts = folder.join("varese/hosts.yml");
    let text = fs::read_to_string(&hosts).unwrap();
    let behind = |text: String, host: &str, via: &str| {
        text.replace(&format!("  {host}:\n"), &format!("  {host}:\n    transport: openssh\n    via: {via}\n"))
    };
    let text = behind(behind(text, "app2", "app1"), "db1", "app2");
    let text = text.replace(
        "  app1:\n    address: 192.0.2.12",
        "  app1:\n    transport: openssh\n    port: 2222\n    address: 2001:db8::12",
    );
    fs::write(&hosts, text).unwrap();
    folder.join("varese").to_string_lossy().into_owned()
}

#[test]
fn a_host_behind_others_says_its_whole_way() {
    let folder = tempfile::tempdir().unwrap();
    let inventory = with_a_way(folder.path());
    let of = |host: &str| {
        let words = ["-i", &inventory, "inventory", "--ansible", "--host", host];
        let output = Command::new(env!("CARGO_BIN_EXE_comuni")).args(words).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let host: Value = serde_json::from_slice(&output.stdout).unwrap();
        host["ansible_ssh_common_args"].clone()
    };
    assert_eq!(of("app1"), Value::Null);
    assert_eq!(of("app2"), "-o ProxyJump=ops@[2001:db8::12]:2222");
    assert_eq!(of("db1"), "-o ProxyJump=ops@[2001:db8::12]:2222,ops@192.0.2.13:22");
    // ssh itself goes the same way.
    let output = Command::new("ssh")
        .args(["-G", "-F", "none", "-o", of("db1").as_str().unwrap().trim_start_matches("-o "), "h"])
        .output();
    let said = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(said.contains("proxyjump ops@[2001:db8::12]:2222,ops@[192.0.2.13]:22\n"), "{said}");
}

#[test]
fn a_host_that_is_not_there_and_a_form_that_is_not_named_are_wrong_usage() {
    for (words, hint) in [
        (&["--ansible", "--host", "app9"][..], "app1"),
        (&[], "--ansible"),
        (&["--ansible", "--list", "--host", "app1"], "--list"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_comuni"));
        let output = command.args(["-i", &varese(), "inventory"]).args(words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{words:?}: {said}");
        assert!(said.contains(hint), "{words:?}: {said}");
    }
}

#[test]
#[ignore = "needs ansible-core"]
fn ansible_itself_reads_the_script_of_the_documentation() {
    let folder = tempfile::tempdir().unwrap();
    let read = |of: &str, words: &[&str]| {
        let output = Command::new("ansible-inventory")
            .args(["-i", &script(folder.path(), of)])
            .args(words)
            .env("HOME", folder.path())
            .output()
            .unwrap();
        let warnings = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && !warnings.contains("WARN"), "{warnings}");
        String::from_utf8(output.stdout).unwrap()
    };
    let inventory = |words: &[&str]| read(&varese(), words);
    let tree = inventory(&["--graph", "member_malnate"]);
    assert!(tree.contains("app1") && tree.contains("db1") && !tree.contains("app2"), "{tree}");
    let host: Value = serde_json::from_str(&inventory(&["--host", "app1"])).unwrap();
    assert_eq!(host, said(&["inventory", "--ansible", "--host", "app1"]));
    let all: Value = serde_json::from_str(&inventory(&["--list"])).unwrap();
    assert_eq!(all["_meta"]["hostvars"].as_object().unwrap().len(), 5);
    assert_eq!(all["role_application"]["hosts"], serde_json::json!(["app1", "app2"]));
    let behind: Value = serde_json::from_str(&read(&with_a_way(folder.path()), &["--host", "app2"])).unwrap();
    assert_eq!(behind["ansible_ssh_common_args"], "-o ProxyJump=ops@[2001:db8::12]:2222");
}
