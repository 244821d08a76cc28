//! Rolling a release out: which releases a tenant goes through, who comes when and who is left alone, when a run stops.
//! Pure: no host, no clock.

mod notice;
mod path;
mod tally;
mod waves;
mod window;

pub use notice::{Told, announced, earliest, working_days};
pub use path::{Path, path};
pub use tally::Tally;
pub use waves::{Left, Waves, waves};

pub use crate::inventory::types::Share;
pub use window::{Closed, bears};

#[cfg(test)]
mod tests;
