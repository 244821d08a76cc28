//! Text or JSON out. The only room that prints, and the only user of indicatif.
//!
//! Data goes to standard output, all else to standard error. Text can be understood without colour.

mod consent;
mod diff;
mod fleet;
pub mod json;
mod out;
mod plan;
mod plan_metrics;
mod progress;
mod saved;
mod summary;
mod size;
mod table;
#[cfg(test)]
mod tests;

pub use consent::{agreement, answer, consent, is_attended, prompt_once, prompt_secret, typed};
pub use fleet::fleet_table;
pub use out::{Out, visible};
pub use plan::{Counts, HostPlan, HostState, PlanView, held};
pub use plan_metrics::plan_metrics;
pub use progress::{Progress, Step};
pub use saved::{saved_plan, who};
pub use size::{ago, bytes};
pub use summary::{HostSummary, RunSummary};
pub use table::table;
