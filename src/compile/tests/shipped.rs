//! The playbooks and templates that are built in.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::playbook::Each;
use crate::templates::Templates;

/// Which play a template is for, by its folder.
fn each_of(name: &str) -> Each {
    match name {
        "dns/zone.conf.tera" => Each::Zone,
        "backup/configuration.json.tera" | "monitoring/queue.json.tera" => Each::Tenant,
        "backup/authorized_keys.tera" | "backup/ssh.conf.tera" | "backup/ssh.key.tera" => Each::Member,
        _ if name.starts_with("tenant/") || name.starts_with("backup/tenant.") => Each::Tenant,
        _ if name.starts_with("monitoring/member-") => Each::Member,
        _ => Each::Host,
    }
}

/// The specimen with some values changed, so that the other branches are rendered too.
fn variants(each: Each) -> Vec<Value> {
    let whole = specimen(each);
    if each == Each::Zone {
        return vec![whole];
    }
    if each == Each::Member {
        let mut bare = whole.clone();
        bare["zone"] = Value::Null;
        bare["tenants"] = serde_json::json!([]);
        let mut running = whole.clone();
        running["tenants"][0]["stopped"] = false.into();
        return vec![whole, bare, running];
    }
    let mut bare = whole.clone();
    bare["host"]["roles"] = serde_json::json!([]);
    bare["host"]["address_family"] = "ip6".into();
    if each == Each::Host {
        bare["host"]["tenants"][0]["port"] = Value::Null;
        bare["host"]["login"]["user"] = "root".into();
        bare["host"]["watch"]["probes"] = serde_json::json!([]);
        bare["host"]["watch"]["zones"] = serde_json::json!([]);
        bare["consortium"]["monitoring"]["mail"] = Value::Null;
        bare["consortium"]["monitoring"]["copy_to"] = Value::Null;
        bare["consortium"]["monitoring"]["dead_man"] = Value::Null;
        bare["consortium"]["monitoring"]["queues"] = false.into();
    } else {
        bare["tenant"]["port"] = Value::Null;
        bare["tenant"]["application_host"]["address_family"] = "ip6".into();
        for flag in ["listens_on_socket", "notifies", "has_database"] {
            bare["tenant"]["application"][flag] = false.into();
        }
        bare["tenant"]["application"]["prepare"] = serde_json::json!([]);
        bare["tenant"]["application"]["public_methods"] = serde_json::json!([]);
        let mut port = whole.clone();
        port["tenant"]["application"]["listens_on_socket"] = false.into();
        return vec![whole, bare, port];
    }
    vec![whole, bare]
}

#[test]
fn every_template_renders_over_a_strict_specimen() {
    let templates = Templates::load(&[]).expect("sound");
    assert!(templates.names().len() >= 13);
    for name in templates.names() {
        let each = each_of(name);
        let faults = templates.unknown_names(name, &shapes()[&each]);
        assert!(faults.is_empty(), "{name}: {faults:?}");
        for values in variants(each) {
            // The database password is asked for only where there is a database.
            let context = tera::Context::from_serialize(&values).expect("a map");
            let text = templates.render(name, &context).unwrap_or_else(|fault| panic!("{}", templates.show(&fault)));
            // Prometheus and Alertmanager have templates of their own, in what people are told.
            let tells = ["monitoring/rules.yml.tera", "monitoring/alertmanager.yml.tera"].contains(&name);
            assert!(text.ends_with('\n') && (tells || !text.contains("{{")) && !text.contains("{%"), "{name}: {text}");
        }
    }
}

#[test]
fn every_template_is_named_by_a_playbook() {
    let playbooks: Vec<String> = std::fs::read_dir("playbooks")
        .expect("the shipped playbooks")
        .map(|file| std::fs::read_to_string(file.expect("a file").path()).expect("a playbook"))
        .collect();
    for name in Templates::load(&[]).expect("sound").names() {
        assert!(playbooks.iter().any(|playbook| playbook.contains(name)), "{name} is in no playbook");
    }
}

#[test]
fn a_unit_keeps_its_tenant_to_itself() {
    let compiled = all(&inventory());
    let unit = content(&compiled, "/etc/systemd/system/comuni-c_e863-albo.service");
    for line in [
        "Type=notify",
        "User=c_e863_albo",
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "ReadWritePaths=\"/srv/comuni/c_e863/albo/data\"",
        "IPAddressDeny=any",
        "IPAddressAllow=192.0.2.21",
        "SocketBindDeny=any",
        "CPUQuota=50%",
        "MemoryMax=256M",
        "ExecStartPre=+/usr/bin/install -d -m 2750 -o \"c_e863_albo\" -g www-data \"/run/comuni-c_e863-albo\"",
    ] {
        assert!(unit.lines().any(|found| found == line), "{line} is not in\n{unit}");
    }
    assert!(!unit.contains("localhost"), "a tenant with a socket has no business on the loopback address");
    assert!(!unit.contains("secret://"), "a unit can be read by everybody");
    let on_port = content(&compiled, "/etc/systemd/system/comuni-c_e863-sito-web.service");
    assert!(on_port.contains("SocketBindAllow=tcp:8001") && on_port.contains("IPAddressAllow=localhost"));
    assert!(!on_port.contains("/run/comuni-"));
    let firewall = content(&compiled, "/etc/nftables.conf");
    assert!(firewall.contains("tcp dport 8001 meta skuid != { 0, 33 } reject"), "{firewall}");
}

fn skeletons(compiled: &Compiled) -> BTreeMap<String, Vec<String>> {
    let files = entries(compiled).filter_map(|entry| match &entry.resource {
        Resource::File(file) => Some((file.path.clone(), skeleton(&file.content))),
        _ => None,
    });
    files.collect()
}

/// The names of settings and directives: what must be the same whatever the values are.
fn skeleton(text: &str) -> Vec<String> {
    let name = |line: &str| line.split([' ', '=']).find(|word| !word.is_empty()).unwrap_or_default().to_string();
    text.lines().map(name).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_name_leaves_its_field(name in r#"[ -~àèìòù]{1,24}"#, host_name in r#"[a-z0-9.-]{1,24}"#) {
        let mut inventory = inventory();
        let usual = skeletons(&all(&inventory));
        let malnate = inventory.members.get_mut("malnate").expect("malnate");
        malnate.member.name = name.clone();
        malnate.tenants.get_mut("albo").expect("albo").host_name = host_name;
        match compile(&inventory, &Selection::default()) {
            Ok(compiled) => prop_assert_eq!(skeletons(&compiled), usual),
            // A comment cannot end in a backslash; all else that is printed can be written.
            Err(failure) => prop_assert!(failure.message.contains(r"ends in"), "{}: {}", name, failure.message),
        }
    }

    #[test]
    fn a_hostile_value_is_refused(name in r#"[a-z]{0,8}[\n\r\x00\t][a-z]{0,8}"#, host_name in r#"[a-z]{1,8}[ ;{}"'$\\\n][a-z;]{0,8}"#) {
        let refused = |change: &dyn Fn(&mut crate::inventory::Body)| {
            let mut inventory = inventory();
            change(inventory.members.get_mut("malnate").expect("malnate"));
            compile(&inventory, &Selection::default()).is_err()
        };
        prop_assert!(refused(&|body| body.member.name = name.clone()));
        prop_assert!(refused(&|body| body.tenants.get_mut("albo").expect("albo").host_name = host_name.clone()));
    }
}

/// Every word that a technician may write stands in the page that is said to have them.
#[test]
fn the_pages_name_everything_that_there_is() {
    fn names(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, field)| {
                found.insert(name.clone());
                names(field, found);
            }),
            Value::Array(elements) => elements.iter().for_each(|element| names(element, found)),
            _ => {}
        }
    }
    let mut offered = BTreeSet::new();
    Each::ALL.into_iter().for_each(|each| names(&specimen(each), &mut offered));
    for example in ["LANG", "settings.ini"] {
        offered.remove(example);
    }
    offered.extend(crate::templates::escape::FILTERS.iter().map(|(name, ..)| name.to_string()));
    let words = |page: &str| -> BTreeSet<String> {
        let page = std::fs::read_to_string(page).expect("a page");
        page.split(|character: char| !(character.is_alphanumeric() || character == '_')).map(str::to_string).collect()
    };
    let missing: Vec<String> = offered.difference(&words("docs/templates.md")).cloned().collect();
    assert_eq!(missing, Vec::<String>::new(), "docs/templates.md");
    let kinds = crate::playbook::kinds();
    let missing: Vec<&String> = kinds.iter().filter(|kind| !words("docs/playbooks.md").contains(*kind)).collect();
    assert_eq!(missing, Vec::<&String>::new(), "docs/playbooks.md");
}
