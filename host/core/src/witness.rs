//! What a person who asked "why?" gets to see: each value as it passes.
//!
//! A run listens with [`Nobody`]; `rollcall explain` listens with a collector for one user. There is no other code to
//! explain with.

use crate::map::Mapped;
use crate::pair::Pairing;
use crate::plan::Change;
use crate::provision::Desired;
use crate::record::Record;

/// Somebody who watches the steps.
pub trait Witness {
    /// Sees one value.
    fn saw(&mut self, step: Step<'_>);
}

/// A value between two steps.
#[derive(Debug)]
pub enum Step<'a> {
    /// As the directory gave it.
    Pulled(&'a Record),
    /// As the expressions made it.
    Mapped(&'a Mapped),
    /// As it met links and standing users.
    Matched(&'a Pairing<'a>),
    /// As it should be.
    Provisioned(&'a Desired),
    /// As the plan has it.
    Planned(&'a Change),
}

/// Watches nothing.
#[derive(Debug)]
pub struct Nobody;

impl Witness for Nobody {
    fn saw(&mut self, _: Step<'_>) {}
}
