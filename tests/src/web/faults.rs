//! Faults on demand: where, how often, and how.

use serde::{Deserialize, Serialize};

/// A fault and when it strikes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule<F> {
    /// Only requests whose path contains this; empty: all but the token endpoint.
    #[serde(default)]
    pub path: String,
    /// Only the n-th page of a listing, from 1.
    #[serde(default)]
    pub page: Option<usize>,
    /// How often it strikes; absent: for ever.
    #[serde(default)]
    pub times: Option<u32>,
    /// What happens.
    pub fault: F,
}

/// The faults in force.
#[derive(Clone, Debug)]
pub struct Faults<F>(Vec<Rule<F>>);

impl<F> Default for Faults<F> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<F: Clone> Faults<F> {
    /// Adds a rule; earlier ones go first.
    pub fn push(&mut self, rule: Rule<F>) {
        self.0.push(rule);
    }

    /// Removes all rules.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes the fault that strikes a request, if one does, and counts it.
    pub(crate) fn strike(&mut self, path: &str, page: usize) -> Option<F> {
        let hit = |rule: &Rule<F>| {
            let place =
                if rule.path.is_empty() { !path.ends_with("/token") } else { path.contains(&rule.path) };
            place && rule.page.is_none_or(|wanted| wanted == page) && rule.times != Some(0)
        };
        let rule = self.0.iter_mut().find(|rule| hit(rule))?;
        if let Some(times) = &mut rule.times {
            *times -= 1;
        }
        Some(rule.fault.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::Trouble;

    #[test]
    fn a_fault_strikes_where_and_as_often_as_told() {
        let mut faults = Faults::default();
        faults.push(Rule { path: "users".into(), page: Some(2), times: Some(1), fault: Trouble::Reset });
        assert_eq!(faults.strike("/v1.0/users", 1), None);
        assert_eq!(faults.strike("/v1.0/groups", 2), None);
        assert_eq!(faults.strike("/v1.0/users", 2), Some(Trouble::Reset));
        assert_eq!(faults.strike("/v1.0/users", 2), None);
    }
}
