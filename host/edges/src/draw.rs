//! Chance, which enters through the engine only.

use std::sync::Mutex;

/// Gives random bytes.
pub trait Draw: Send + Sync {
    /// Fills `into` with bytes that nobody can foretell.
    ///
    /// # Errors
    /// Why the machine gives none.
    fn fill(&self, into: &mut [u8]) -> Result<(), String>;
}

/// Gives the same bytes in the same order every time, for tests.
#[derive(Debug)]
pub struct FixedDraw(Mutex<u64>);

impl FixedDraw {
    /// Starts from a number.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Draw for FixedDraw {
    fn fill(&self, into: &mut [u8]) -> Result<(), String> {
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for byte in into {
            // The steps of SplitMix64.
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = *state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = (mixed ^ (mixed >> 31)).to_le_bytes()[0];
        }
        Ok(())
    }
}
