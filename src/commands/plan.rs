//! `comuni plan`: compare, show, change nothing; save it when asked to.

use std::collections::BTreeSet;
use std::path::Path;

use super::saved;
use super::survey::{Scope, prepare};
use crate::cli::{Global, Selectors, Way};
use crate::disk;
use crate::evidence::clock;
use crate::failure::{Failure, Kind, Result};
use crate::protocol::Mode;
use crate::report::json::Object;
use crate::report::{Out, plan_metrics};

/// # Errors
/// The worst of what stands against the plan being whole; exit 2 when changes are pending and the option asks for it.
pub(super) fn run(
    global: &Global,
    selectors: &Selectors,
    way: &Way,
    file: Option<&Path>,
    textfile: Option<&Path>,
    detailed: bool,
    out: &Out,
) -> Result<()> {
    let prepared = prepare(global, Scope::Selected(selectors), way, out)?;
    let ground = file.map(|_| prepared.ground()).transpose()?;
    let survey = prepared.ask(way, Mode::Plan, &BTreeSet::new(), out)?;
    survey.progress.finish();
    let plan = survey.plan();
    for object in Object::plan(&plan) {
        out.object(&object);
    }
    out.text(&plan.text(out));
    if let (Some(file), Some(ground)) = (file, ground) {
        saved::save(&survey, &ground, file, out)?;
    }
    if let Some(path) = textfile {
        let page = plan_metrics(&plan, survey.trouble().is_none(), clock::now().as_second());
        disk::replace(path, page.as_bytes(), 0o644)
            .map_err(|error| Failure::operation(format!("{} cannot be written: {error}", path.display())))?;
    }
    let counts = plan.counts();
    let pending = (detailed && (counts.pending() || counts.wait > 0)).then_some(Kind::Pending);
    // The text above has said it all.
    Kind::worst(survey.trouble().into_iter().chain(pending)).map_or(Ok(()), |kind| Err(Failure::new(kind, "")))
}
