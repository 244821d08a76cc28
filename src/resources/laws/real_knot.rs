//! The zone against Knot itself: root, on a machine of its own with Knot and its tools.

use super::real::{check, converge};
use super::{Action, Check, Resource};
use crate::machine::{Command, Local, Machine};

const CONFIGURATION: &str = "\
server:
    listen: 127.0.0.1@53
    rundir: /run/knot
    user: knot:knot
policy:
  - id: comuni
    algorithm: ecdsap256sha256
    single-type-signing: on
template:
  - id: member
    storage: /var/lib/knot/zones
    file: \"%s.zone\"
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
    serial-policy: dateserial
    dnssec-signing: on
    dnssec-policy: comuni
include: /etc/knot/comuni.d/*.conf
";

fn shell(host: &mut Local, script: &str) -> String {
    let command = Command::new(["sh", "-ec", script]);
    host.run(&command).unwrap().succeeded(&command).unwrap().text().trim().to_string()
}

fn zone(records: &[&str]) -> Resource {
    let mut lines = vec!["b.it. 3600 SOA ns1.c.it. h.c.it. 0 14400 3600 1209600 3600", "b.it. 3600 NS ns1.c.it."];
    lines.extend(["b.it. 3600 NS ns2.c.it.", "b.it. 3600 CAA 0 issue \"letsencrypt.org\"", "b.it. 3600 A 192.0.2.1"]);
    lines.extend(records);
    let zone = serde_json::json!({"zone": {"name": "b.it", "records": lines, "servers": ["127.0.0.1"]}});
    serde_json::from_value(zone).unwrap()
}

#[test]
#[ignore = "needs a machine of its own with Knot"]
fn knot_itself_agrees() {
    let host = &mut Local::new();
    let odd = [
        "b.it. 3600 TXT \"a \\\"b\\\" \\\\ c\\195\\160\" \"d\"",
        "b.it. 3600 AAAA 2001:db8:0:0:0:0:0:1",
        "*.b.it. 300 A 192.0.2.9",
    ];
    let first = zone(&[&odd[..], &["www.b.it. 3600 A 192.0.2.7"]].concat());
    shell(host, "systemctl stop knot; mkdir -p /etc/knot/comuni.d; find /var/lib/knot -mindepth 1 -delete");
    assert!(matches!(check(&first, host), Check::Unknown { needs: Some(id), .. } if id == "service:knot.service"));
    shell(host, &format!("cat > /etc/knot/knot.conf <<'END'\n{CONFIGURATION}END\nsystemctl restart knot"));
    assert!(
        matches!(check(&first, host), Check::Unknown { needs: Some(id), .. } if id == "directory:/var/lib/knot/zones")
    );
    shell(host, "install -d -g knot -m 0750 /var/lib/knot/zones; install -d -o knot -m 0700 /var/lib/knot/check");
    let stanza = "file:/etc/knot/comuni.d/b.it.conf";
    assert!(matches!(check(&first, host), Check::Unknown { needs: Some(id), .. } if id == stanza));
    shell(
        host,
        "printf 'zone:\\n  - domain: b.it\\n    template: member\\n' > /etc/knot/comuni.d/b.it.conf; knotc reload",
    );

    assert_eq!(converge(&first, host).0, Action::Create);
    let serial = |host: &mut Local| {
        shell(host, "knotc zone-status b.it | grep -o 'serial: [0-9]*' | cut -d' ' -f2").parse::<u32>().unwrap()
    };
    let before = serial(host);
    let second = zone(&[&odd[..], &["www.b.it. 3600 A 192.0.2.8", "www.b.it. 3600 A 192.0.2.7"]].concat());
    assert_eq!(converge(&second, host), (Action::Change, vec!["www.b.it/A".to_string()]));
    assert!(serial(host) > before);
    let before = serial(host);
    shell(host, "echo 'www.b.it. 3600 CNAME x.' >> /var/lib/knot/zones/b.it.zone");
    assert_eq!(converge(&second, host).1, ["zone file"]);
    assert_eq!(serial(host), before);
    shell(host, "echo 'www.b.it. 3600 CNAME x.' >> /var/lib/knot/zones/b.it.zone; systemctl restart knot");
    assert_eq!(converge(&second, host).1[0], "loaded");
    shell(
        host,
        "printf 'zone-begin b.it\\nzone-unset b.it www A\\nzone-commit b.it\\n' | while read -r line; do knotc $line; done",
    );
    assert_eq!(converge(&second, host).1, ["www.b.it/A"]);
    let bad = zone(&["www.b.it. 3600 A 192.0.2.8", "www.b.it. 3600 CNAME b.it."]);
    let secrets = super::secrets();
    let context = super::Context { secrets: &secrets, host_key: &super::HOST_KEY, allowed: &Default::default() };
    let failure = bad.kind().check(host, &context).unwrap_err();
    assert!(failure.message.contains("the new zone b.it was refused"), "{failure}");
    second.kind().remove(host).unwrap();
    assert!(matches!(check(&second, host), Check::Differs { action: Action::Create, .. }));
}
