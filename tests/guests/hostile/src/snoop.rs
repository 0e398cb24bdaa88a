//! Looks through the guest's own memory for texts that should not be there.
//!
//! What is looked for arrives reversed and is compared byte by byte from its end, so that the guest itself never
//! holds it in one piece. Memory that was freed is looked through too: nothing wipes it.

/// Counts how often each text stands in the memory; the texts are given reversed.
pub(crate) fn count(reversed: &[String]) -> Vec<i64> {
    let end = end();
    reversed
        .iter()
        .map(|text| {
            let last = end.saturating_sub(text.len());
            // Address 0 is a null pointer, which must not be read.
            (1..=last).map(|start| i64::from(stands_at(start, text.as_bytes()))).sum()
        })
        .collect()
}

fn stands_at(start: usize, reversed: &[u8]) -> bool {
    !reversed.is_empty() && reversed.iter().rev().zip(start..).all(|(byte, address)| peek(address) == *byte)
}

/// How many bytes the memory has.
#[cfg(target_arch = "wasm32")]
fn end() -> usize {
    const PAGE: usize = 65_536;
    core::arch::wasm32::memory_size(0).saturating_mul(PAGE)
}

#[cfg(target_arch = "wasm32")]
#[expect(unsafe_code, reason = "looking where nothing is its own is what it is for")]
fn peek(address: usize) -> u8 {
    // SAFETY: the address is neither 0 nor beyond `end()`, a memory never shrinks, and a byte needs no alignment.
    unsafe { core::ptr::with_exposed_provenance::<u8>(address).read_volatile() }
}

/// Outside a sandbox there is no memory of its own to look through.
#[cfg(not(target_arch = "wasm32"))]
fn end() -> usize {
    0
}

#[cfg(not(target_arch = "wasm32"))]
fn peek(_address: usize) -> u8 {
    0
}
