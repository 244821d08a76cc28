//! What a bundle says about itself to the people of a comune, in Italian: what is in it, and how it is brought back
//! without this program.

use super::Work;
use crate::backup::Manifest;
use crate::machine::utc;

const HEAD: &str = include_str!("head.md");
const DATABASE: &str = include_str!("database.md");
const FILES: &str = include_str!("files.md");

/// `LEGGIMI.md` of one application. What the parts name in braces stands in the backup or in the inventory.
pub(super) fn text(work: &Work<'_>, manifest: &Manifest) -> String {
    let mut text = HEAD.to_string();
    let mut put = |name: &str, value: &str| text = text.replace(name, value);
    put("{member}", &work.task.name);
    put("{code}", &work.task.member);
    put("{application}", &work.task.application);
    put("{release}", &manifest.release);
    put("{taken}", &utc(work.chosen.taken));
    put("{snapshot}", &work.chosen.id);
    put("{tool}", env!("CARGO_PKG_VERSION"));
    if let Some(database) = &manifest.database {
        let of = &database.fingerprint;
        let mut part = DATABASE.replace("{application}", &work.task.application);
        let facts = [
            ("{server}", of.server.to_string()),
            ("{encoding}", of.encoding.clone()),
            ("{collate}", of.collate.clone()),
            ("{ctype}", of.ctype.clone()),
            ("{tables}", of.tables.len().to_string()),
            ("{rows}", of.rows().to_string()),
            ("{objects}", of.large_objects.rows.to_string()),
        ];
        for (name, value) in facts {
            part = part.replace(name, &value);
        }
        text.push_str(&part);
    }
    if let Some(files) = &manifest.files {
        let (count, bytes) = (files.files().to_string(), files.bytes().to_string());
        text.push_str(&FILES.replace("{files}", &count).replace("{bytes}", &bytes));
    }
    text
}
