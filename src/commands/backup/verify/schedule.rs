//! Prints what runs the verification every night: a systemd timer and, in its place, a line for crontab.

use crate::failure::Result;
use crate::inventory::Inventory;
use crate::inventory::types::Backup;
use crate::report::Out;

/// # Errors
/// Never: what cannot be known is left for who installs it.
pub(super) fn print(inventory: &Inventory, out: &Out) -> Result<()> {
    let program =
        std::env::current_exe().map_or_else(|_| "/usr/bin/comuni".to_string(), |path| path.display().to_string());
    let place = inventory.directory.canonicalize().unwrap_or_else(|_| inventory.directory.clone());
    let at = inventory.consortium.backup.as_ref().map_or("04:00".to_string(), Backup::prove_at);
    let (hour, minute) = at.split_once(':').unwrap_or(("04", "00"));
    let command = "backup verify --all --due --textfile /var/lib/prometheus/node-exporter";
    out.document(&format!(
        "# /etc/systemd/system/comuni-verify.service
[Unit]
Description=Backups of the comuni are proven
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
Environment=COMUNI_INVENTORY={place}
# Files with the ssh key and the age identity of this host, which opens the keys of the backups and nothing else, and
# with COMUNI_PING when somebody listens.
EnvironmentFile=-/etc/comuni/verify.env
ExecStart={program} {command}
TimeoutStartSec=12h
KillSignal=SIGTERM
Nice=10
IOSchedulingClass=idle

# /etc/systemd/system/comuni-verify.timer
[Unit]
Description=Backups of the comuni are proven every night

[Timer]
OnCalendar=*-*-* {at}:00 Europe/Rome
RandomizedDelaySec=15min
Persistent=true

[Install]
WantedBy=timers.target

# or, in the place of both, a line for crontab(5), whose mail then says what is wrong:
# {minute} {hour} * * *  COMUNI_INVENTORY={place} {program} {command}
",
        place = place.display(),
    ));
    Ok(())
}
